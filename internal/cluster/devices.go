package cluster

import (
	"encoding/json"
	"errors"
	"strings"
)

// Device is what the native tool's build can compute on.
type Device struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Type        string `json:"type"`       // cpu, gpu, accel, …
	FlashHead   bool   `json:"flash_head"` // has the op
}

// ParseDevices reads what `llama-flashhead devices` prints: libraries may log above the report, which is the last line.
func ParseDevices(printed string) ([]Device, error) {
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	var report struct {
		Devices []Device `json:"devices"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &report); err != nil {
		return nil, err
	}
	if len(report.Devices) == 0 {
		return nil, errors.New("no list of devices")
	}
	return report.Devices, nil
}
