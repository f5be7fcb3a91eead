package process

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// PassVariable names further variables that programs get, separated by commas.
const PassVariable = "FH_OLLAMA_PASS_ENV"

// Programs get only these variables, those that callers add, and those in PassVariable. A list of excluded variables
// would never be complete: every compiler, linker and library has some that change a build or load code, such as
// CFLAGS, CPATH, LD_PRELOAD and GIT_DIR.
var (
	passed = []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "NO_COLOR", "TMPDIR", "TMP", "TEMP", "LANG", "LANGUAGE", "TZ",
		"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
		// network
		"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC",
		// Go modules
		"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "GOENV", "GOPATH",
		"GOROOT",
		"GOCACHE", "GOMODCACHE", "GOTMPDIR", "GOTOOLCHAIN",
		// the system's compiler, and the time of a reproducible build
		"DEVELOPER_DIR", "SDKROOT", "SOURCE_DATE_EPOCH",
		// GPUs and their drivers
		"CUDAToolkit_ROOT", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "HSA_OVERRIDE_GFX_VERSION",
		"GGML_VK_VISIBLE_DEVICES", "VK_ICD_FILENAMES", "VK_DRIVER_FILES",
		// Windows
		"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "PROGRAMDATA",
		"PROGRAMFILES", "PROGRAMFILES(X86)", "COMMONPROGRAMFILES", "OS", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
	}
	passedPrefixes = []string{
		"LC_", "PIP_", "CCACHE_", "SCCACHE_", "DISTCC_", "ICECC_",
		"NIX_", // for Nix's compiler wrappers
		"CUDA_", "NVIDIA_",
	}
)

// Environment returns the environment of every program that fh-ollama starts: the passed variables of its own, then
// settings, as "NAME=value".
func Environment(settings ...string) []string { return append(Pass(os.Environ()), settings...) }

// Pass returns the variables of environ that programs may see, and those called names.
func Pass(environ []string, names ...string) []string {
	for _, v := range environ {
		if list, ok := strings.CutPrefix(v, PassVariable+"="); ok {
			names = append(slices.Clone(names), strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })...)
		}
	}
	var env []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		if slices.Contains(passed, name) || slices.Contains(names, name) ||
			slices.ContainsFunc(passedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			env = append(env, v)
		}
	}
	return env
}
