package processors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	mountsV2 = "24 1 0:22 / /sys rw - sysfs sysfs rw\n35 24 0:30 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
	mountsV1 = "35 24 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n36 24 0:31 / " +
		"/sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)

// The quota is the minimum over a cgroup and its mounted parents, in both versions of cgroups.
func TestQuota(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"version 2": {map[string]string{
			"proc/self/cgroup": "0::/user/job\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/user/job/cpu.max": "150000 100000\n", "sys/fs/cgroup/user/cpu.max": "max 100000\n",
		}, 1.5},
		"a parent's": {map[string]string{
			"proc/self/cgroup": "0::/user/job\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/user/job/cpu.max": "max 100000\n", "sys/fs/cgroup/user/cpu.max": "50000 20000\n",
		}, 2.5},
		"of another namespace": {map[string]string{
			"proc/self/cgroup": "0::/../other\n", "proc/self/mountinfo": mountsV2, "sys/fs/cgroup/cpu.max": "300000 100000\n",
			"sys/fs/other/cpu.max": "100000 100000\n",
		}, 3},
		"a part is mounted": {map[string]string{
			"proc/self/cgroup":          "0::/docker/abc/job\n",
			"proc/self/mountinfo":       strings.Replace(mountsV2, ":30 /", ":30 /docker/abc", 1),
			"sys/fs/cgroup/job/cpu.max": "400000 100000\n",
		}, 4},
		"version 1": {map[string]string{
			"proc/self/cgroup": "4:memory:/other\n3:cpu,cpuacct:/job\n", "proc/self/mountinfo": mountsV1,
			"sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us":  "250000\n",
			"sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":      "-1\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		}, 2.5},
		"a blank in the path": {map[string]string{
			"proc/self/cgroup":          "0::/job\n",
			"proc/self/mountinfo":       strings.Replace(mountsV2, "/sys/fs/cgroup", `/sys/my\040groups`, 1),
			"sys/my groups/job/cpu.max": "500000 100000\n",
		}, 5},
		"damaged": {map[string]string{
			"proc/self/cgroup": "0::/job\nnothing\n::\n", "proc/self/mountinfo": "1 2 3\n - cgroup2 a b\n" + mountsV2,
			"sys/fs/cgroup/job/cpu.max": "9 0\n",
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for path, text := range c.files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := quota(root); got != c.want {
				t.Errorf("the quota is %g, not %g", got, c.want)
			}
		})
	}
}

func TestUsable(t *testing.T) {
	for _, c := range []struct {
		n     int
		quota float64
		want  int
	}{{8, 0, 8}, {8, 2.5, 2}, {8, 0.5, 1}, {2, 6, 2}, {4, 4, 4}, {0, 0, 1}} {
		if got := usable(c.n, c.quota); got != c.want {
			t.Errorf("of %d processors with a quota of %g are %d usable, not %d", c.n, c.quota, got, c.want)
		}
	}
}
