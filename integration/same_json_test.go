package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

// hot makes a request draw improbable tokens too, with a seed.
func hot(seed int) func(*api.GenerateRequest) {
	return func(r *api.GenerateRequest) {
		r.Options["temperature"], r.Options["top_k"], r.Options["top_p"], r.Options["seed"] = 1.2, 200, 1, seed
	}
}

// JSON mode gives JSON with every seed. Such a small model may not finish; then its text is a prefix of JSON.
func jsonMode(t *testing.T, o *harness.Ollama) (answers []string) {
	for seed := range 8 {
		a := generate(t, o, "fast", `The answer in JSON: {"name": "Mary", "age": 30}`+"\n", 120, hot(seed),
			func(r *api.GenerateRequest) { r.Format = json.RawMessage(`"json"`) })
		answers = append(answers, a.Response)
		switch {
		case a.EvalCount == 0:
			t.Errorf("seed %d: nothing was written", seed)
		case a.DoneReason == "stop":
			if !json.Valid([]byte(a.Response)) {
				t.Errorf("seed %d: no JSON: %q", seed, a.Response)
			}
		default:
			if err := beginsJSON(a.Response); err != nil {
				t.Errorf("seed %d: no beginning of JSON: %v in %q", seed, err, a.Response)
			}
		}
	}
	return answers
}

// asManyEnd returns an error if fewer answers are complete than the dense model's.
func asManyEnd(got, want []string) error {
	whole := func(answers []string) (n int) {
		for _, a := range answers {
			if json.Valid([]byte(a)) {
				n++
			}
		}
		return n
	}
	if g, w := whole(got), whole(want); g < w*3/4 {
		return fmt.Errorf("%d of %d answers are whole, and %d of the dense model's", g, len(got), w)
	}
	return nil
}

// beginsJSON returns why a text cannot be the start of a JSON object.
func beginsJSON(text string) error {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return errors.New("no object")
	}
	var err error
	for d := json.NewDecoder(strings.NewReader(text)); err == nil; {
		_, err = d.Token()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// schema is a JSON schema whose answers always end, with values that the model would never write by itself.
const schema = `{
	"type": "object", "additionalProperties": false, "required": ["answer", "count", "names", "letters"],
	"properties": {
		"answer": {"enum": ["yes", "no", "maybe so"]},
		"count": {"type": "integer", "minimum": 100, "maximum": 250},
		"names": {"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 1, "maxItems": 3},
		"letters": {"const": "` + unwanted + `"}
	}
}`

// unwanted are characters that the model hardly ever writes: their tokens are in clusters that are not probed.
const unwanted = "Ω≈ç√∫ 🦉 漢字"

// With every seed, answers conform to the schema and are complete.
func jsonSchema(t *testing.T, o *harness.Ollama) (answers []string) {
	distinct := map[string]bool{}
	for seed := range 6 {
		a := generate(t, o, "fast", prompt, 240, hot(seed),
			func(r *api.GenerateRequest) { r.Format = json.RawMessage(schema) })
		answers = append(answers, a.Response)
		distinct[a.Response] = true
		if err := fitsSchema(a.Response); err != nil || a.DoneReason != "stop" {
			t.Errorf("seed %d: done because of %q, %v: %q", seed, a.DoneReason, err, a.Response)
		}
	}
	if len(distinct) < len(answers)/2 {
		t.Errorf("only %d different answers to %d seeds", len(distinct), len(answers))
	}
	return answers
}

// fitsSchema returns why a text does not conform to schema.
func fitsSchema(text string) error {
	var v struct {
		Answer  string
		Count   int
		Names   []string
		Letters string
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("more than one value, %v", err)
	}
	tooLong := func(name string) bool { return utf8.RuneCountInString(name) > 8 }
	if !slices.Contains([]string{"yes", "no", "maybe so"}, v.Answer) || v.Count < 100 || v.Count > 250 ||
		len(v.Names) < 1 || len(v.Names) > 3 || slices.ContainsFunc(v.Names, tooLong) || v.Letters != unwanted {
		return fmt.Errorf("%+v does not fit", v)
	}
	return nil
}
