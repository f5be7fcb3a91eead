package modelfile

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestRequest(t *testing.T) {
	m := &Modelfile{
		Template: "{{ .Prompt }}", System: "brief", Renderer: "r", Parser: "p", Requires: "0.14.0",
		Parameters: []Parameter{{"num_ctx", "4096"}, {"stop", "a"}, {"stop", "b"}, {"temperature", "0.5"},
			{"typical_p", "0.9"}, {"mirostat", "1"}},
		Messages: []Message{{"user", "hi"}}, License: []string{"one", "two"},
	}
	m, notes := m.Registered()
	r, err := m.request("name")
	want := map[string]any{"num_ctx": int64(4096), "stop": []string{"a", "b"}, "temperature": float32(0.5)}
	if err != nil || !reflect.DeepEqual(r.Parameters, want) {
		t.Errorf("parameters %v, want %v; %v", r.Parameters, want, err)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "mirostat") || !strings.Contains(notes[1], "typical_p") {
		t.Errorf("notes %q", notes)
	}
	if r.Model != "name" || r.Template != m.Template || r.System != m.System || r.Renderer != "r" || r.Parser != "p" ||
		r.Requires != "0.14.0" ||
		!reflect.DeepEqual(r.License, m.License) || len(r.Messages) != 1 || r.Messages[0].Content != "hi" {
		t.Errorf("request %+v", r)
	}
}

func TestCounted(t *testing.T) {
	var seen []Event
	r := counted(context.Background(), strings.NewReader("12345"), "uploading", 5,
		func(e Event) { seen = append(seen, e) })
	if text, err := io.ReadAll(r); err != nil || string(text) != "12345" {
		t.Fatalf("%q, %v", text, err)
	}
	if last := seen[len(seen)-1]; last.Done != 5 || last.Total != 5 || last.Status != "uploading" {
		t.Errorf("reported %+v", last)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := io.ReadAll(counted(ctx, strings.NewReader("12345"), "", 5, func(Event) {})); !errors.Is(err,
		context.Canceled) {
		t.Errorf("an interrupted upload read on: %v", err)
	}
}
