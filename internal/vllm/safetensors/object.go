package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Member is one member of an object.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Object is a JSON object. Its members keep the order of the text.
type Object []Member

// ParseObject reads data, which must be one JSON object. Unlike in encoding/json, a duplicate name is an error. Values
// are checked to be valid JSON and not decoded.
func ParseObject(data []byte) (Object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	in := json.NewDecoder(bytes.NewReader(data))
	if first, err := in.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	var members Object
	seen := map[string]bool{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, err
		}
		m := Member{Name: name.(string)} // the decoder accepts nothing else here
		if err := in.Decode(&m.Value); err != nil {
			return nil, err
		}
		if seen[m.Name] {
			return nil, fmt.Errorf("%q appears twice", m.Name)
		}
		seen[m.Name] = true
		members = append(members, m)
	}
	if _, err := in.Token(); err != nil {
		return nil, err
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return members, nil
}

// Get returns the value of a name; nil if it is absent or null.
func (o Object) Get(name string) json.RawMessage {
	for _, m := range o {
		if m.Name == name && string(m.Value) != "null" {
			return m.Value
		}
	}
	return nil
}
