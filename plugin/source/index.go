package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// The archive of a Python package is downloaded here, not by `pip download`: to read a source package's metadata, that
// installs and runs its build requirements, which are not pinned. Pip is only asked which index it uses.

const (
	pypi = "https://pypi.org/simple/"

	maxPage    = 64 << 20 // bytes of a package's page; the pinned package has 0.1 MB
	maxArchive = 1 << 30  // bytes of an archive; the pinned one has 77 MB
	stalled    = time.Minute
)

// packageIndex is an index of Python packages, https://peps.python.org/pep-0503/. Errors name only its host, because
// any part of an address can contain a password or token.
type packageIndex struct {
	base   *url.URL      // of package pages, without user
	user   *url.Userinfo // from the address, or nil
	client *http.Client
}

// indexFile is a file that an index offers.
type indexFile struct {
	name    string
	address *url.URL
	sha256  string // lower-case hexadecimal, "" if the index gives none
}

// FetchArchive downloads the pinned archive to path, which appears only with the pinned hash. A pin without a hash
// takes the one that the index gives. The caller holds LockFetching.
func FetchArchive(ctx context.Context, st *step.Step, pin LlamaCppPin, path string) error {
	index, err := findIndex(ctx)
	var file indexFile
	if err == nil {
		file, err = index.find(ctx, pin.Package, pin.File)
	}
	if err == nil {
		file.sha256 = cmp.Or(pin.SHA256, file.sha256)
		err = index.download(ctx, st, file, path)
	}
	if err == nil || ctx.Err() != nil || hint.Of(err) != "" {
		return err
	}
	return hint.Wrap(err, fmt.Sprintf("check the network and pip's settings, put %s into %s yourself, "+
		"or give your own checkout with --llama-cpp-source DIR", pin.File, filepath.Dir(path)))
}

// findIndex returns the index that pip uses, default PyPI.
func findIndex(ctx context.Context) (*packageIndex, error) {
	settings := pipSettings(ctx)
	return newIndex(cmp.Or(settings("index-url"), pypi),
		cmp.Or(settings("cert"), os.Getenv("REQUESTS_CA_BUNDLE"))) // crypto/x509 reads SSL_CERT_FILE itself
}

// pipSettings returns a function that looks up a setting of pip, "" if unset. Without pip it reads only the
// environment.
func pipSettings(ctx context.Context) func(name string) string {
	listed := map[string]string{}
	if python, err := exec.LookPath("python3"); err == nil {
		// Errors are not shown: they may quote a password.
		list := exec.CommandContext(ctx, python, "-m", "pip", "config", "list")
		list.Env = process.Environment()
		list.Dir = "/" // with -m, Python would prefer a pip in the working folder
		out, _ := list.Output()
		for line := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			listed[key] = strings.Trim(value, `'"`)
		}
	}
	return func(name string) string {
		if value := os.Getenv("PIP_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))); value != "" {
			return value
		}
		for _, section := range []string{"download", "global", "install"} {
			if value := listed[section+"."+name]; value != "" {
				return value
			}
		}
		return ""
	}
}

// newIndex returns the index at address. bundle is the path of trusted certificates, "" for the system's.
func newIndex(address, bundle string) (*packageIndex, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" {
		return nil, errors.New("the package index that pip uses has no http or https address")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // keeps proxies from the environment
	transport.ResponseHeaderTimeout = stalled
	if bundle != "" {
		pem, err := os.ReadFile(bundle)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", bundle)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	x := &packageIndex{user: base.User, client: &http.Client{Transport: transport, CheckRedirect: keepSecrets}}
	base.User = nil
	x.base = base.JoinPath("/")
	return x, nil
}

// keepSecrets refuses redirects from https to http, and sends neither password nor address to another host.
func keepSecrets(to *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return errors.New("too many redirects")
	}
	if via[0].URL.Scheme == "https" && to.URL.Scheme != "https" {
		return fmt.Errorf("redirects to %s without https", to.URL.Host)
	}
	to.Header.Del("Referer")
	if to.URL.Host != via[0].URL.Host {
		to.Header.Del("Authorization")
	}
	return nil
}

// find looks a file up on the page of a package.
func (x *packageIndex) find(ctx context.Context, pkg, name string) (indexFile, error) {
	page, err := x.get(ctx, x.base.JoinPath(pkg+"/"), http.Header{"Accept": {"text/html"}}) // which every index has
	if err != nil {
		return indexFile{}, err
	}
	defer page.Body.Close()
	at := page.Request.URL
	files, err := filesIn(at, io.LimitReader(page.Body, maxPage))
	if err != nil {
		return indexFile{}, fmt.Errorf("%s: %w", at.Host, err)
	}
	for _, f := range files {
		if f.name != name {
			continue
		}
		if scheme := f.address.Scheme; scheme != "https" && (scheme != "http" || at.Scheme == "https") {
			return indexFile{}, fmt.Errorf("%s gives no usable address for %s", at.Host, name)
		}
		return f, nil
	}
	return indexFile{}, fmt.Errorf("%s has no %s", at.Host, name)
}

// filesIn reads a package page as in PEP 503: links whose path ends in the file name, with the hash in the fragment.
func filesIn(at *url.URL, r io.Reader) (files []indexFile, err error) {
	page, err := html.Parse(r)
	if err != nil {
		return nil, err
	}
	for node := range page.Descendants() {
		if node.Data != "a" && node.Data != "base" {
			continue
		}
		for _, attribute := range node.Attr {
			address, err := at.Parse(attribute.Val)
			if attribute.Key != "href" || err != nil {
				continue
			}
			if node.Data == "base" {
				at = address
				continue
			}
			sum, _ := strings.CutPrefix(address.Fragment, "sha256=")
			if !sha256Pattern.MatchString(sum) {
				sum = ""
			}
			files = append(files, indexFile{path.Base(address.Path), address, sum})
		}
	}
	return files, nil
}

// download saves file at path if it has its hash; any content if the hash is unknown.
func (x *packageIndex) download(ctx context.Context, st *step.Step, file indexFile, path string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Otherwise a server may declare a .tar.gz as compressed .tar, and the transport unpacks it.
	answer, err := x.get(ctx, file.address, http.Header{"Accept-Encoding": {"identity"}})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	host := answer.Request.URL.Host

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".part" // overwrites what a killed download left
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	defer os.Remove(part)
	defer f.Close()
	hash := sha256.New()
	body := &meter{
		from: answer.Body, st: st, total: answer.ContentLength,
		stalls: time.AfterFunc(stalled, func() { cancel(fmt.Errorf("sent nothing for %s", stalled)) }),
	}
	defer body.stop()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(body, maxArchive+1))
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return fmt.Errorf("%s: %w", host, cause)
	case err != nil:
		return fmt.Errorf("%s: %w", host, err)
	case n > maxArchive:
		return fmt.Errorf("%s sends more than %d bytes for %s", host, maxArchive, file.name)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); file.sha256 != "" && got != file.sha256 {
		return hint.New(fmt.Sprintf("%s sent %s with SHA-256 %s, want %s", host, file.name, got, file.sha256),
			"the file was deleted; choose another index with PIP_INDEX_URL, or a checkout with --llama-cpp-source DIR")
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// get requests address, with the index's user only from the index's own host.
func (x *packageIndex) get(ctx context.Context, address *url.URL, header http.Header) (*http.Response, error) {
	request := (&http.Request{Method: http.MethodGet, URL: address, Header: header}).Clone(ctx)
	user := address.User
	request.URL.User = nil
	if user == nil && address.Scheme == x.base.Scheme && address.Host == x.base.Host {
		user = x.user
	}
	if user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	answer, err := x.client.Do(request)
	if err != nil {
		var about *url.Error // its text has the whole address
		if errors.As(err, &about) {
			err = about.Err
		}
		return nil, fmt.Errorf("%s: %w", address.Host, err)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		host, code := answer.Request.URL.Host, answer.StatusCode
		return nil, fmt.Errorf("%s answers %d %s", host, code, http.StatusText(code))
	}
	return answer, nil
}

// meter shows the progress of a download, and cancels one that stalls.
type meter struct {
	from        io.Reader
	st          *step.Step
	done, total int64 // bytes; total is -1 if unknown
	stalls      *time.Timer
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	m.stalls.Reset(stalled)
	m.done += int64(n)
	m.st.ProgressBytes(m.done, m.total)
	return n, err
}

func (m *meter) stop() {
	m.stalls.Stop()
	m.st.Progress(0, 0)
}
