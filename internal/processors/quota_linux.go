package processors

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// quota returns the smallest CPU quota of this process's cgroups in processors, 0 for none. root holds the proc and
// cgroup file systems. ggmlhead/model/flash-head-processors.h computes the same.
func quota(root string) float64 {
	groups, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	mounts, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	least := 0.0
	for line := range strings.Lines(string(groups)) {
		// ID:CONTROLLERS:PATH; without controllers it is version 2
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		v2 := id == "0" && controllers == ""
		if !ok || !v2 && !slices.Contains(strings.Split(controllers, ","), "cpu") {
			continue
		}
		for _, dir := range folders(string(mounts), path, v2) {
			if q := folderQuota(filepath.Join(root, dir), v2); q > 0 && (least == 0 || q < least) {
				least = q
			}
		}
	}
	return least
}

// folders returns the mounted folders of the cgroup at path and of its parents.
func folders(mounts, path string, v2 bool) []string {
	for line := range strings.Lines(mounts) {
		// ID PARENT DEVICE ROOT POINT OPTIONS [...] - TYPE SOURCE SUPEROPTIONS
		own, system, _ := strings.Cut(line, " - ")
		fields, types := strings.Fields(own), strings.Fields(system)
		if len(fields) < 5 || len(types) < 3 {
			continue
		}
		if v2 && types[0] != "cgroup2" || !v2 &&
			(types[0] != "cgroup" || !slices.Contains(strings.Split(types[2], ","), "cpu")) {
			continue
		}
		root, point := unescape(fields[3]), unescape(fields[4])
		below, inside := strings.CutPrefix(path, strings.TrimSuffix(root, "/"))
		if !inside || below != "" && below[0] != '/' || strings.HasPrefix(below, "/..") {
			below = "" // of another namespace: what is mounted is all that can be seen
		}
		all := []string{point}
		for name := range strings.SplitSeq(strings.Trim(below, "/"), "/") {
			all = append(all, filepath.Join(all[len(all)-1], name))
		}
		return all
	}
	return nil
}

// folderQuota returns the quota of one cgroup in processors; 0 for none.
func folderQuota(dir string, v2 bool) float64 {
	read := func(name string) []string {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		return strings.Fields(string(text))
	}
	limit := read("cpu.max")
	if !v2 {
		limit = append(read("cpu.cfs_quota_us"), read("cpu.cfs_period_us")...)
	}
	if len(limit) != 2 {
		return 0
	}
	quota, err := strconv.ParseInt(limit[0], 10, 64) // "max", or -1, for none
	period, err2 := strconv.ParseInt(limit[1], 10, 64)
	if err != nil || err2 != nil || quota <= 0 || period <= 0 {
		return 0
	}
	return float64(quota) / float64(period)
}

// unescape undoes the octal escapes of a path in mountinfo.
func unescape(path string) string {
	for _, c := range " \t\n\\" {
		path = strings.ReplaceAll(path, fmt.Sprintf(`\%03o`, c), string(c))
	}
	return path
}
