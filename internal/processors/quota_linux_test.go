package processors

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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
		"none": {nil, 0},
		"version 2": {map[string]string{
			"proc/self/cgroup": "0::/user/job\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/user/job/cpu.max": "150000 100000\n", "sys/fs/cgroup/user/cpu.max": "max 100000\n",
		}, 1.5},
		"a parent's": {map[string]string{
			"proc/self/cgroup": "0::/user/job\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/user/job/cpu.max": "max 100000\n", "sys/fs/cgroup/user/cpu.max": "50000 20000\n",
		}, 2.5},
		"in a namespace": {map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsV2, "sys/fs/cgroup/cpu.max": "300000 100000\n",
		}, 3},
		"of another namespace": {map[string]string{
			"proc/self/cgroup": "0::/../other\n", "proc/self/mountinfo": mountsV2, "sys/fs/cgroup/cpu.max": "300000 100000\n",
			"sys/fs/other/cpu.max": "100000 100000\n",
		}, 3},
		"a part is mounted": {map[string]string{
			"proc/self/cgroup":          "0::/docker/abc/job\n",
			"proc/self/mountinfo":       strings.Replace(mountsV2, ":30 /", ":30 /docker/abc", 1),
			"sys/fs/cgroup/job/cpu.max": "400000 100000\n",
		}, 4},
		"no quota": {map[string]string{
			"proc/self/cgroup": "0::/job\n", "proc/self/mountinfo": mountsV2, "sys/fs/cgroup/job/cpu.max": "max 100000\n",
		}, 0},
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

// A process bound to one processor has one, and so has a process whose cgroup has a quota of 1.5.
func TestLimited(t *testing.T) {
	const asked = "FH_OLLAMA_TEST_USABLE"
	if os.Getenv(asked) != "" {
		os.Stdout.WriteString("usable " + strconv.Itoa(Usable()) + "\n")
		return
	}
	if Usable() < 2 {
		t.Skip("this machine has one processor")
	}
	usableIn := func(t *testing.T) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLimited$")
		cmd.Env = append(os.Environ(), asked+"=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return strings.TrimPrefix(line, "usable ")
	}
	t.Run("affinity", func(t *testing.T) {
		runtime.LockOSThread() // and let the thread end with the test
		var set, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			t.Fatal(err)
		}
		for i := 0; one.Count() == 0; i++ {
			if set.IsSet(i) {
				one.Set(i)
			}
		}
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		if got := usableIn(t); got != "1" {
			t.Errorf("%s processors are usable", got)
		}
	})
	t.Run("quota", func(t *testing.T) {
		dir := limitedGroup(t)
		cmd := exec.Command("sh", "-c", `echo $$ >"$0/cgroup.procs" && exec "$1" -test.run='^TestLimited$'`, dir, os.Args[0])
		cmd.Env = append(os.Environ(), asked+"=1")
		out, err := cmd.Output()
		if err != nil || !strings.HasPrefix(string(out), "usable 1\n") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// limitedGroup makes a cgroup with a quota of 1.5 processors, if it may.
func limitedGroup(t *testing.T) string {
	t.Helper()
	parent, file, quota := "/sys/fs/cgroup", "cpu.max", "150000 100000"
	if _, err := os.Stat(filepath.Join(parent, "cgroup.controllers")); err != nil {
		parent, file, quota = "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "150000" // version 1, whose period is 100 ms
	}
	if _, err := os.Stat(filepath.Join(parent, "cgroup.procs")); err != nil {
		t.Skip("no cgroups here: ", err)
	}
	dir := filepath.Join(parent, "fh-ollama-test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skip("no cgroup can be made here: ", err)
	}
	t.Cleanup(func() { os.Remove(dir) })
	if err := os.WriteFile(filepath.Join(dir, file), []byte(quota), 0o644); err != nil {
		t.Skip("no quota can be set here: ", err)
	}
	return dir
}
