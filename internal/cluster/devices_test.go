package cluster

import "testing"

func TestParseDevices(t *testing.T) {
	devices, err := ParseDevices("some library: hello\n" +
		`{"devices":[{"name":"CPU","description":"a","type":"cpu","flash_head":true},{"name":"GPU0","type":"gpu","flash_head":false}]}` + "\n")
	if err != nil || len(devices) != 2 || devices[0] != (Device{"CPU", "a", "cpu", true}) || devices[1].FlashHead {
		t.Errorf("%+v, %v", devices, err)
	}
	for _, printed := range []string{"", "no devices", "{}", `{"devices":[]}`} {
		if devices, err := ParseDevices(printed); err == nil {
			t.Errorf("%q: %+v", printed, devices)
		}
	}
}
