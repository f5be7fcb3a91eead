package main

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// TestRefused runs command lines that are wrong, which end with 2, and others that fail with 1 before anything is made.
// Each says the cause in one line and the way out in the next, and leaves the folder as it was. There, a.gguf and
// -dash.gguf are no models, folder is a folder, MODEL is a model without FlashHead, and no Ollama answers.
func TestRefused(t *testing.T) {
	model, err := filepath.Abs("../../integration/testdata/fh-demo-12m-q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"a.gguf": "not a model", "-dash.gguf": "not a model either", "folder/model/empty": "",
		"folder/flash_head_assets/clustering_cache.safetensors": "version of a large file that was never fetched",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "FH_OLLAMA_ROOT", "FH_OLLAMA_CACHE"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("OLLAMA_HOST", "127.0.0.1:1")
	before := filesBelow(t, ".")
	refused := func(code int, line, cause, way string) {
		t.Helper()
		args, err := commandline.Split("fh-ollama " + strings.ReplaceAll(line, "MODEL", model))
		if err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		got := run(args, &out, &errs)
		want := regexp.MustCompile("^fh-ollama: " + cause + "\n  " + way + "\n$")
		if got != code || !want.MatchString(errs.String()) || out.Len() > 0 {
			t.Errorf("%s ends with %d and prints %s, and\n%swant\n%s", line, got, &out, &errs, want)
		}
		if !maps.Equal(filesBelow(t, "."), before) {
			t.Errorf("%s changed a file", line)
		}
	}
	const open = "check the path and that you may read it"
	const start = "start it with `ollama serve`, or set OLLAMA_HOST to where it runs"
	const noServer = "no Ollama answers at http://127.0.0.1:1: .*refused"
	const unknown = " is not a file, and whether it is a model is unknown: " + noServer
	const noProgram = "Ollama's releases come without it: build one with .*fh-ollama build, " +
		"or name the folder with --lib or FH_OLLAMA_LIB"
	help := func(command string) string { return "see .*fh-ollama " + command + " --help" }
	for _, c := range []struct {
		code       int
		line       string
		cause, way string // regular expressions
	}{
		{2, "bench", "there is nothing to measure",
			"give a converted GGUF file, the name of a model in Ollama, or a --shape"},
		{2, "bench a.gguf b.gguf", "bench takes one model, not 2", help("bench")},
		{2, "bench a.gguf --shape llama-3.2-1b", "a model and a --shape do not go together", help("bench")},
		{2, "bench a.gguf --type q8_0", "a --type needs a --shape", help("bench")},
		{2, "bench a.gguf --codes", "--codes needs a --shape", help("bench")},
		{2, "bench --shape llama-4", `no shape is called "llama-4"`, "choose from gemma-3-270m, .*, llama-3.1-8b; or all"},
		{2, "bench --shape llama-3.2-1b --type q8_0,q9", `no type is called "q9"`,
			"choose from q4_0, q4_k_m, q8_0, f16, bf16; or all"},
		{2, "bench a.gguf --probes 64,0", "probes must be at least 1, not 0", help("bench")},
		{2, "bench a.gguf --probes K/0", "probes must be at least 1, not K/0", help("bench")},
		{2, "bench a.gguf --probes many", `"many" is not a number of probes`,
			"give numbers such as 256, or shares of the clusters such as K/16"},
		{2, "bench a.gguf --threads 1,0", "threads must be 1 to 4096, not 0", help("bench")},
		{2, "bench a.gguf --tokens 0", `0 tokens are not in 1\.\..*`, help("bench")},
		{2, "bench a.gguf --prompt -1", `a prompt of -1 tokens is not in 0\.\..*`, help("bench")},
		{2, "bench a.gguf --rounds 0", `0 rounds are not in 1\.\..*`, help("bench")},
		{2, "bench a.gguf --json --markdown", "--json and --markdown do not go together", help("bench")},
		{2, "bench --prob 3", "unknown option --prob", "did you mean --probes[?] " + help("bench")},
		{1, "bench a.gguf --lib folder", "the program llama-bench was not found: folder", noProgram},
		{1, "bench a.gguf --svg a.gguf", "a.gguf exists already", "choose another output with --svg, or remove it"},
		{1, "bench a.gguf --svg none/p.svg", "cannot write none/p.svg: .*",
			"make the folder first, or choose another output with --svg"},

		{2, "build --backends cpu,npu", `unknown backend "npu"`, "choose from cpu, metal, rpc, cuda"},
		{2, "build --cpu-variants some", `--cpu-variants "some"`, "give native or all"},
		{2, "build --jobs 0", "--jobs 0", "give at least 1"},
		{2, "build dist", `build takes no argument, but got "dist"`, "name the folder with --prefix"},
		{2, "build --plugin --stock", "--plugin does not go with --stock", "leave one of them out: .*"},
		{2, "build --plugin --ollama-source .", "--plugin does not go with --ollama-source", "leave one of them out: .*"},
		{2, "build --plugin --cpu-variants all", "--plugin does not go with --cpu-variants", "leave one of them out: .*"},
		{2, "build --plugin --backends cpu", "--plugin does not go with --backends", "leave one of them out: .*"},
		{2, "build --plugin --without amx", "--plugin does not go with --without", "leave one of them out: .*"},
		{2, "build --without amx,warp-drive", "unknown instruction set .*", "choose from .*"},
		{2, "build --cuda-arch 86", "--cuda-arch without CUDA", "add --backends cuda"},

		{2, "completion", "completion takes one argument, but got 0", "name a shell: bash, zsh or fish"},
		{2, "completion tcsh", `no completion for "tcsh"`, "name a shell: bash, zsh or fish"},

		{2, "convert", "convert takes one argument, a GGUF file or the name of a model, not 0", help("convert")},
		{2, "convert a.gguf b.gguf", "convert takes one argument, .*, not 2", help("convert")},
		{2, "convert a.gguf --cluster-sise 8", "unknown option --cluster-sise",
			"did you mean --cluster-size[?] " + help("convert")},
		{2, "convert a.gguf --cluster-size many", `invalid value "many" for flag -cluster-size: .*`, help("convert")},
		{2, "convert a.gguf -o", "flag needs an argument: -o", help("convert")},
		{2, "convert a.gguf --cluster-size 1", "the cluster size must be 2 to 1024, not 1", help("convert")},
		{2, "convert a.gguf --iterations=0", "iterations must be 1 to 1000, not 0", help("convert")},
		{2, "convert a.gguf --seed 5000000000", "seed 5000000000 is larger than 4294967295", help("convert")},
		{2, "convert a.gguf --no-calibrate --target-agreement 0.99", "targets need a calibration", help("convert")},
		{2, "convert a.gguf --quality best", `no quality is called "best"`, "choose from default, high"},
		{2, "convert a.gguf --target-agreement 0", "--target-agreement must be above 0", help("convert")},
		{1, "convert none.gguf", "open none.gguf: no such file or directory", open},
		{1, "convert a.gguf", "a.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "convert -- -dash.gguf", "-dash.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "convert -o out.gguf --seed 3 a.gguf --force", "a.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "convert MODEL -o MODEL --force", ".*fh-demo.* is the input itself, which is never changed",
			"choose another output with -o"},
		{1, "convert MODEL -o a.gguf", "a.gguf exists already", ".* --force to replace it"},
		{1, "convert MODEL -o none/out.gguf", "cannot write none/out.gguf: .*no such file or directory",
			"make the folder first, .*"},
		{1, "convert MODEL -o out.gguf --cluster-size 1024 --probes 33", ".*33 probes are more than the 32 clusters",
			"choose fewer --probes"},
		{1, "convert MODEL -o out.gguf --centroid-type q4_5", `.*"q4_5" is not a type for centroids`,
			"choose another --centroid-type.*"},
		{1, "convert MODEL -o out.gguf --calibrate a.gguf --calibrate no,ne.txt",
			".*fh-demo-12m-q8_0.gguf: open no,ne.txt: no such file or directory", open},
		{1, "convert MODEL -o out.gguf --lib nowhere", "the native tool llama-flashhead was not found",
			"build it first: .*fh-ollama build.*"},

		{2, "create", "create needs --from", "give it a GGUF file or the name of a model in Ollama"},
		{2, "create one two --from MODEL", "create takes one name, not 2", help("create")},
		{2, "create --from MODEL --cluster-size 1", "the cluster size must be 2 to 1024, not 1", help("create")},
		{2, "create --from", "flag needs an argument: -from", help("create")},
		{1, "create --from none.gguf", "open none.gguf: no such file or directory", open},
		{1, "create --from a.gguf", "a.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "create 'a name' --from MODEL", `"a name" is not a model name`, "give a name such as qwen3:0.6b-flashhead.*"},
		{1, "create --from 'no such/model:?'", "no such/model:[?] is neither a file nor a model name", "check the path; .*"},
		{1, "create --from ./folder", "./folder is not a file", "name the GGUF file itself"},
		{1, "create name --from MODEL", noServer, start},
		{1, "create --from some-model --keep kept.gguf", "some-model" + unknown, start},

		{2, "doctor a.gguf b.gguf", "doctor takes one model, not 2", help("doctor")},
		{2, "doctor --yaml", "unknown option --yaml", help("doctor")},

		{2, "eval", "eval takes one argument, a GGUF file or the name of a model, not 0", help("eval")},
		{2, "eval a.gguf --probes 64,many", `invalid value "64,many" for flag -probes: .*`, help("eval")},
		{2, "eval a.gguf --probes 64,0", "probes must be at least 1, not 0", help("eval")},
		{2, "eval a.gguf --mode best", `mode "best" is neither top nor sample`, help("eval")},
		{2, "eval a.gguf --mode sample --temperature 0", "temperature 0 is not above 0 and at most 1000", help("eval")},
		{2, "eval a.gguf --seed 5000000000", "seed 5000000000 is larger than 4294967295", help("eval")},
		{2, "eval a.gguf --chunks -1", "chunks must be at least 0, not -1", help("eval")},
		{2, "eval a.gguf --ctx 8", "a context of 8 tokens is too short, the least is 32", help("eval")},
		{2, "eval a.gguf --predict -1", "tokens to predict must be at least 0, not -1", help("eval")},
		{2, "eval a.gguf --threads 0", "threads must be 1 to 4096, not 0", help("eval")},
		{1, "eval none.gguf", "open none.gguf: no such file or directory", open},
		{1, "eval a.gguf", "a.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "eval MODEL", ".*: not converted: it has no FlashHead", "make a map for it first: .* on .*fh-demo-12m-q8_0.gguf"},
		{1, "eval a.gguf --html a.gguf", "a.gguf exists already", "choose another output with --html, or remove it"},
		{1, "eval a.gguf --html none/page.html", "cannot write none/page.html: .*",
			"make the folder first, or choose another output with --html"},
		{1, "eval a.gguf --html page.html", "a.gguf: not a GGUF file", "give a GGUF file; .*"},

		{2, "konvert model.gguf", `no command "konvert"`, "did you mean .*fh-ollama convert[?] see .*fh-ollama help"},
		{2, "konvert --help", `no command "konvert"`, "did you mean .*fh-ollama convert[?] see .*fh-ollama help"},
		{2, "help isntall", `no command "isntall"`, "did you mean .*fh-ollama install[?] see .*fh-ollama help"},
		{2, "help convert eval", "help takes one command, not 2", "see .*fh-ollama help"},
		{2, "evaluate", `no command "evaluate"`, "did you mean .*fh-ollama eval[?] see .*fh-ollama help"},
		{2, "frobnicate", `no command "frobnicate"`, "see .*fh-ollama help"},
		{2, "run qwen3", `no command "run"`, "it is one of Ollama's: .*ollama run"},
		{2, "--frobnicate", "unknown option --frobnicate", "see .*fh-ollama --help"},
		{2, "version 1", `version takes no argument, but got "1"`, help("version")},

		{2, "import MODEL", "import needs --assets", help("import")},
		{2, "import --assets folder", "import takes one argument, a GGUF file, not 0", help("import")},
		{2, "import MODEL --assets folder --probes -1", "probes must be at least 1, not -1", help("import")},
		{1, "import MODEL --assets none",
			"open none/flash_head_assets/clustering_cache.safetensors: no such file or directory",
			"give the folder of a model with flash_head_assets, or that folder, with --assets"},
		{1, "import MODEL --assets folder",
			"folder/flash_head_assets/clustering_cache.safetensors: damaged safetensors: .*", "get the file again: .*"},

		{2, "inspect", "inspect takes one argument, a GGUF file or the name of a model, not 0", help("inspect")},
		{1, "inspect a.gguf", "a.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "inspect .", `\. is not a file`, "name the GGUF file itself"},
		{1, "inspect none.gguf", "open none.gguf: no such file or directory", open},
		{1, "inspect ./qwen3", "open ./qwen3: no such file or directory", open},
		{1, "inspect 'my model'", "my model is neither a file nor a model name",
			"check the path; names look like qwen3:0.6b or hf.co/user/repo:tag, see `ollama list`"},
		{1, "inspect qwen3:0.6b", "qwen3:0.6b" + unknown, start},
		{1, "inspect qwen3:480b-cloud", "qwen3:480b-cloud runs in the cloud, its weights are not here",
			"choose a model that is stored on this machine"},
		{1, "inspect folder/model", "folder/model" + unknown, "name the GGUF file in the folder folder/model"},
		{1, "convert hf.co/someone/Model-GGUF:Model-Q4_K_M.gguf",
			"hf.co/someone/Model-GGUF:Model-Q4_K_M.gguf" + unknown, start},
		{1, "eval localhost:5000/someone/model:tag", "localhost:5000/someone/model:tag" + unknown, start},

		{2, "install new/bin/ollama", `install takes no argument, but got "new/bin/ollama"`, help("install")},
		{2, "install --prefix ''", "--prefix names no folder", "give one.*"},
		{2, "install --prefix new --into-lib", "--prefix does not go with --into-lib", ".*"},
		{2, "uninstall everything", `uninstall takes no argument, but got "everything"`, help("uninstall")},

		{2, "list mapped:1b", `list takes no argument, but got "mapped:1b"`, help("list")},

		{2, "modelfile", "modelfile takes one argument, a GGUF file or the name of a model, not 0", help("modelfile")},
		{1, "modelfile a.gguf", "a.gguf: not a GGUF file", "give a GGUF file; .*"},
		{1, "modelfile some-model", "some-model" + unknown, start},

		{2, "off", "off needs the name of a model, a GGUF file, or --all", help("off")},
		{2, "off --unused --all", "--unused goes without the name of a model and without --all", help("off")},

		{2, "on", "on needs the name of a model, a GGUF file, or --all", help("on")},
		{2, "on --all one:1b", "--all and the name of a model do not go together", help("on")},
		{2, "on one:1b --quality best", `no quality is called "best"`, "choose from default, high"},
	} {
		refused(c.code, c.line, c.cause, c.way)
	}
	if runtime.GOARCH == "amd64" {
		refused(2, "build --without amx --cpu-variants all", "--without does not go with --cpu-variants all",
			"leave one of them out: .*")
	}
	if runtime.GOOS == "linux" {
		refused(1, "install --ollama nowhere", ".*nowhere: no such file or directory",
			"give the path of an ollama executable")
	}
}
