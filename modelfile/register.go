package modelfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// Event is the progress of a registration.
type Event struct {
	// Status is "reading", "uploading", or a line from the server.
	Status string
	// Done and Total count bytes of the current file; Total is 0 if nothing is counted.
	Done, Total int64
}

// Exists reports whether the server has a model called name.
func Exists(ctx context.Context, client *api.Client, name string) (bool, error) {
	_, err := client.Show(ctx, &api.ShowRequest{Model: name})
	var status api.StatusError
	if errors.As(err, &status) && status.StatusCode == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// Register creates the model name on the server from m, whose From and Draft are local files, without its Adapters.
// Files that the server already has are not sent again. A model of that name is replaced. report may be nil.
func Register(ctx context.Context, client *api.Client, name string, m *Modelfile, report func(Event)) error {
	return register(ctx, client, name, m, true, report)
}

// ErrExists means that a model of the name exists. It was not changed.
var ErrExists = errors.New("the model exists already")

// RegisterNew is Register for a name that must be free. It checks again after the files are sent, which takes long. A
// model that appears right after this check is replaced, because Ollama has no request that refuses.
func RegisterNew(ctx context.Context, client *api.Client, name string, m *Modelfile, report func(Event)) error {
	return register(ctx, client, name, m, false, report)
}

func register(ctx context.Context, client *api.Client, name string, m *Modelfile, replace bool,
	report func(Event)) error {
	if report == nil {
		report = func(Event) {}
	}
	request, err := m.request(name)
	if err != nil {
		return err
	}
	if request.Files, err = upload(ctx, client, m.From, report); err != nil {
		return err
	}
	if request.DraftFiles, err = upload(ctx, client, m.Draft, report); err != nil {
		return err
	}
	if !replace {
		exists, err := Exists(ctx, client, name)
		if err == nil && exists {
			err = ErrExists
		}
		if err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
	}
	status := ""
	err = client.Create(ctx, request, func(p api.ProgressResponse) error {
		status = p.Status
		report(Event{Status: p.Status, Done: p.Completed, Total: p.Total})
		return nil
	})
	if err == nil && status != "success" { // the server's last status after success
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return nil
}

// request returns the API's form of m without its files. A parameter that Registered leaves out is an error.
func (m *Modelfile) request(name string) (*api.CreateRequest, error) {
	request := &api.CreateRequest{
		Model: name, Template: m.Template, System: m.System,
		Renderer: m.Renderer, Parser: m.Parser, Requires: m.Requires,
	}
	if len(m.License) > 0 {
		request.License = m.License
	}
	for _, g := range m.Messages {
		request.Messages = append(request.Messages, api.Message{Role: g.Role, Content: g.Content})
	}
	var err error
	request.Parameters, err = api.FormatParams(m.values())
	return request, err
}

// values returns the parameters by their names.
func (m *Modelfile) values() map[string][]string {
	values := map[string][]string{}
	for _, p := range m.Parameters {
		values[p.Name] = append(values[p.Name], p.Value)
	}
	return values
}

// Registered returns what a registration keeps of m, without the parameters that this version of Ollama does not take,
// and a note about each of these. Ollama's own command line leaves them out, too.
func (m *Modelfile) Registered() (*Modelfile, []string) {
	var unknown, notes []string
	for name, values := range m.values() {
		if _, err := api.FormatParams(map[string][]string{name: values}); err != nil || name == "typical_p" {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		notes = append(notes, fmt.Sprintf("parameter %s is not kept: this Ollama does not take it", name))
	}
	c := *m
	c.Parameters = slices.DeleteFunc(slices.Clone(m.Parameters),
		func(p Parameter) bool { return slices.Contains(unknown, p.Name) })
	return &c, notes
}

// upload makes files available to the server and returns their digests by name. Names are base names, made unique.
func upload(ctx context.Context, client *api.Client, files []string, report func(Event)) (map[string]string, error) {
	digests := map[string]string{}
	for i, file := range files {
		digest, err := uploadFile(ctx, client, file, report)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		if _, taken := digests[name]; taken {
			name = fmt.Sprintf("%d-%s", i, name)
		}
		digests[name] = digest
	}
	if len(digests) == 0 {
		return nil, nil
	}
	return digests, nil
}

func uploadFile(ctx context.Context, client *api.Client, path string, report func(Event)) (string, error) {
	if digest, ok := mapfile.Blob(path); ok {
		digest = "sha256:" + digest
		if has, err := client.HeadBlob(ctx, digest); err == nil && has {
			return digest, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, counted(ctx, f, "reading", info.Size(), report)); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	digest := "sha256:" + hex.EncodeToString(hash.Sum(nil))
	if has, err := client.HeadBlob(ctx, digest); err != nil {
		return "", fmt.Errorf("ask for blob: %w", err)
	} else if has {
		return digest, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if err := client.CreateBlob(ctx, digest, counted(ctx, f, "uploading", info.Size(), report)); err != nil {
		return "", fmt.Errorf("upload %s: %w", filepath.Base(path), err)
	}
	return digest, nil
}

// reader counts bytes and stops when ctx ends.
type reader struct {
	ctx    context.Context
	r      io.Reader
	event  Event
	report func(Event)
}

// counted wraps r. The result is no io.WriterTo or io.Closer, so every byte passes through Read, and the HTTP client
// does not close the file.
func counted(ctx context.Context, r io.Reader, status string, total int64, report func(Event)) io.Reader {
	return &reader{ctx, r, Event{Status: status, Total: total}, report}
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.event.Done += int64(n)
	r.report(r.event)
	return n, err
}

// WithWeights returns a copy of m with the model file gguf. Projectors and everything else stay.
func (m *Modelfile) WithWeights(gguf string) *Modelfile {
	c := *m
	c.From = append([]string{gguf}, m.From[1:]...)
	return &c
}
