package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

var archiveBytes = bytes.Repeat([]byte("an archive "), 300_000)

func archivePin() LlamaCppPin {
	return LlamaCppPin{Package: "some-package", Version: "1.2", File: "some_package-1.2.tar.gz",
		SHA256: fmt.Sprintf("%x", sha256.Sum256(archiveBytes))}
}

// testIndex serves one package and its archive to user:secret only.
type testIndex struct {
	page      string
	elsewhere string // where another host has the archive
}

func (x *testIndex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "user" || password != "secret" {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	switch r.URL.Path {
	case "/token/simple/some-package/":
		fmt.Fprint(w, x.page)
	case "/moved/some-package/":
		http.Redirect(w, r, "/token/simple/some-package/", http.StatusFound)
	case "/token/elsewhere/some_package-1.2.tar.gz":
		http.Redirect(w, r, x.elsewhere, http.StatusFound)
	case "/token/short/some_package-1.2.tar.gz":
		w.Header().Set("Content-Length", strconv.Itoa(len(archiveBytes)+1))
		w.Write(archiveBytes)
	case "/token/files/some_package-1.2.tar.gz":
		if r.Header.Get("Accept-Encoding") != "identity" {
			http.Error(w, "would be unpacked on the way", http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(archiveBytes)))
		w.Write(archiveBytes)
	default:
		http.NotFound(w, r)
	}
}

// serve starts the index and makes pip use it, at path.
func (x *testIndex) serve(t *testing.T, path string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(x)
	t.Cleanup(server.Close)
	useIndex(t, strings.Replace(server.URL, "http://", "http://user:secret@", 1)+path)
	return server
}

// useIndex sets pip's index, without an installed pip.
func useIndex(t *testing.T, address string) {
	t.Helper()
	for name, value := range map[string]string{"PATH": t.TempDir(), "PIP_CERT": "", "REQUESTS_CA_BUNDLE": "",
		"PIP_INDEX_URL": address} {
		t.Setenv(name, value)
	}
}

// fetchTestArchive returns the content of the folder of downloads, and what was displayed.
func fetchTestArchive(ctx context.Context, t *testing.T, pin LlamaCppPin) (
	left map[string]string, shown string, err error,
) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "downloads")
	var out bytes.Buffer
	steps := step.New(&out)
	steps.Wait = 0
	err = steps.Do("fetch", func(st *step.Step) error {
		return FetchArchive(ctx, st, pin, filepath.Join(dir, pin.File))
	})
	if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
		return nil, out.String(), err
	}
	return plugintest.OnDisk(t, dir), out.String(), err
}

func TestFetchArchive(t *testing.T) {
	for name, test := range map[string]struct{ path, page string }{
		"relative": {"/token/simple/", `<!DOCTYPE html><html><body>
			<a href="../../files/some_package-1.1.tar.gz">1.1</a>
			<a data-requires-python="&gt;=3.8"
			href="../../files/some_package-1.2.tar.gz#sha256=` + archivePin().SHA256 + `">some_package-1.2.tar.gz</a>
			</body></html>`},
		"with a base": {"/token/simple",
			`<html><head><base href="/token/files/"></head><a href="some_package-1.2.tar.gz">`},
		"moved": {"/moved", `<a href='../../files/some_package-1.2.tar.gz'>`},
	} {
		t.Run(name, func(t *testing.T) {
			(&testIndex{page: test.page}).serve(t, test.path)
			left, shown, err := fetchTestArchive(t.Context(), t, archivePin())
			if err != nil || len(left) != 1 || left["some_package-1.2.tar.gz"] != string(archiveBytes) {
				t.Errorf("%v, %d files\n%s", err, len(left), shown)
			}
			if !strings.Contains(shown, " of 3 MB)") {
				t.Errorf("no progress in:\n%s", shown)
			}
		})
	}
}

func TestFetchArchiveRefuses(t *testing.T) {
	const good = `<a href="../../files/some_package-1.2.tar.gz">`
	sent := "HOST sent some_package-1.2.tar.gz with SHA-256 " + archivePin().SHA256 + ", want 000"
	for name, test := range map[string]struct {
		page   string
		change func(*LlamaCppPin)
		want   string // in the error, with the server for HOST
		hint   string // in the way out
	}{
		"another hash": {good, func(p *LlamaCppPin) { p.SHA256 = strings.Repeat("0", 64) }, sent, "the file was deleted"},
		"another hash than the index gives": {
			`<a href="../../files/some_package-1.2.tar.gz#sha256=` + strings.Repeat("0", 64) + `">`,
			func(p *LlamaCppPin) { p.SHA256 = "" }, sent, "the file was deleted"},
		"no such version": {good, func(p *LlamaCppPin) { p.File = "some_package-1.3.tar.gz" },
			"HOST has no some_package-1.3.tar.gz", "--llama-cpp-source DIR"},
		"no such package": {good, func(p *LlamaCppPin) { p.Package = "other" },
			"HOST answers 404 Not Found", "--llama-cpp-source DIR"},
		"half a file": {`<a href="/token/short/some_package-1.2.tar.gz">`, func(*LlamaCppPin) {},
			"HOST: unexpected EOF", "--llama-cpp-source DIR"},
		"a file elsewhere": {`<a href="file:///some_package-1.2.tar.gz">`, func(*LlamaCppPin) {},
			"HOST gives no usable address for some_package-1.2.tar.gz", "--llama-cpp-source DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			server := (&testIndex{page: test.page}).serve(t, "/token/simple")
			pin := archivePin()
			test.change(&pin)
			left, shown, err := fetchTestArchive(t.Context(), t, pin)
			want := strings.Replace(test.want, "HOST", strings.TrimPrefix(server.URL, "http://"), 1)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(hint.Of(err), test.hint) {
				t.Errorf("error %v, hint %q", err, hint.Of(err))
			}
			if len(left) > 0 {
				t.Errorf("left %d files", len(left))
			}
			noSecret(t, err, shown)
		})
	}
}

// noSecret checks that nothing of the index's address but its host is shown.
func noSecret(t *testing.T, err error, shown string) {
	t.Helper()
	for _, secret := range []string{"user:", "user@", "secret", "token"} {
		if all := fmt.Sprint(err, hint.Of(err), shown); strings.Contains(all, secret) {
			t.Errorf("%q is shown: %s", secret, all)
		}
	}
}

func TestPasswordsAreNeverShown(t *testing.T) {
	for _, address := range []string{
		"http://user:secret@127.0.0.1:1/token", "http://user:secret@no such host/token", "http://user:secret@host:x/token",
		"file://user:secret@/token", "user:secret@host/token", "http:///token?secret", "https://user:secret@127.0.0.1:1/%zz",
	} {
		useIndex(t, address)
		_, shown, err := fetchTestArchive(t.Context(), t, archivePin())
		if err == nil || hint.Of(err) == "" {
			t.Errorf("%s: %v", address, err)
		}
		noSecret(t, err, shown)
	}
}

// Links and redirects to another host get no password.
func TestPasswordStaysWithTheIndex(t *testing.T) {
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent := fmt.Sprint(r.Header); r.Header.Get("Authorization") != "" || strings.Contains(sent, "token") {
			t.Errorf("%s was told %s", r.Host, sent)
		}
		w.Write(archiveBytes)
	}))
	defer files.Close()
	elsewhere := files.URL + "/some_package-1.2.tar.gz"
	for _, link := range []string{elsewhere, "/token/elsewhere/some_package-1.2.tar.gz"} {
		(&testIndex{page: `<a href="` + link + `">`, elsewhere: elsewhere}).serve(t, "/token/simple")
		if left, _, err := fetchTestArchive(t.Context(), t, archivePin()); err != nil || len(left) != 1 {
			t.Errorf("%s: %v", link, err)
		}
	}
}

func TestInterruptedFetchLeavesNothing(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/files/some_package-1.2.tar.gz" {
			fmt.Fprint(w, `<a href="/files/some_package-1.2.tar.gz">`)
			return
		}
		w.Write(archiveBytes)
		interrupt()
		<-r.Context().Done() // more would come
	}))
	defer server.Close()
	useIndex(t, server.URL)
	left, shown, err := fetchTestArchive(ctx, t, archivePin())
	if !errors.Is(err, context.Canceled) || hint.Of(err) != "" || !strings.Contains(shown, "interrupted") ||
		len(left) > 0 {
		t.Errorf("%v, hint %q, %d files left", err, hint.Of(err), len(left))
	}
}

func TestFetchArchiveByHTTPS(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/some-package/":
			fmt.Fprint(w, `<a href="/files/some_package-1.2.tar.gz">, <a href="/plain/some_package-1.3.tar.gz">`)
		case "/files/some_package-1.2.tar.gz":
			w.Write(archiveBytes)
		default:
			http.Redirect(w, r, plain.URL, http.StatusFound)
		}
	}))
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.StartTLS()
	defer server.Close()
	useIndex(t, server.URL)
	if _, _, err := fetchTestArchive(t.Context(), t, archivePin()); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		0o644); err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"PIP_CERT", "REQUESTS_CA_BUNDLE"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, bundle)
			if left, _, err := fetchTestArchive(t.Context(), t, archivePin()); err != nil || len(left) != 1 {
				t.Error(err)
			}
			pin := archivePin()
			pin.File = "some_package-1.3.tar.gz"
			if _, _, err := fetchTestArchive(t.Context(), t, pin); err == nil ||
				!strings.Contains(err.Error(), "without https") {
				t.Errorf("sent on from https to http: %v", err)
			}
		})
	}
}

// Needs an installed pip.
func TestIndexOfPip(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-m", "pip", "--version").Run() != nil {
		t.Skip("needs Python 3 with pip")
	}
	config := filepath.Join(t.TempDir(), "pip.conf")
	t.Setenv("PIP_CONFIG_FILE", config)
	t.Setenv("PIP_INDEX_URL", "")
	const global = "[global]\nindex-url = https://user:p%40ss@global.example/simple\n"
	for _, test := range []struct{ config, env, want, user string }{
		{config: global, want: "https://global.example/simple/", user: "user:p%40ss"},
		{config: global + "[download]\nindex-url = https://download.example/simple/\n",
			want: "https://download.example/simple/"},
		{config: global, env: "https://env.example", want: "https://env.example/"},
	} {
		plugintest.Write(t, config, test.config, 0o644)
		t.Setenv("PIP_INDEX_URL", test.env)
		index, err := findIndex(t.Context())
		if err != nil || index.base.String() != test.want || index.user.String() != test.user {
			t.Errorf("%q: %+v, %v", test.config, index, err)
		}
	}
	useIndex(t, "")
	if index, err := findIndex(t.Context()); err != nil || index.base.String() != pypi {
		t.Errorf("without pip: %+v, %v", index, err)
	}
}
