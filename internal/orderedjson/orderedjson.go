// Package orderedjson reads JSON objects strictly, with their members in the order of the text: names that occur twice,
// which encoding/json passes over, are errors.
package orderedjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Member is one name of an object with its value.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Object is the members of a JSON object.
type Object []Member

// Parse reads an object, which must be all that data holds. Values of members are checked to be JSON, no more.
func Parse(data []byte) (Object, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("text that is not UTF-8")
	}
	in := json.NewDecoder(bytes.NewReader(data))
	if first, err := in.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	var members Object
	seen := map[string]bool{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, err
		}
		m := Member{Name: name.(string)} // the decoder takes nothing else in this place
		if err := in.Decode(&m.Value); err != nil {
			return nil, err
		}
		if seen[m.Name] {
			return nil, fmt.Errorf("%q is there twice", m.Name)
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

// Get returns the value of a name; nil if it is not there or null.
func (o Object) Get(name string) json.RawMessage {
	for _, m := range o {
		if m.Name == name && string(m.Value) != "null" {
			return m.Value
		}
	}
	return nil
}

// Set returns the object with another value of name: in its place if it has one, else at the end.
func (o Object) Set(name string, value json.RawMessage) Object {
	out := append(Object{}, o...)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append(out, Member{name, value})
}

// Text returns the object as JSON, two spaces a level and a newline at the end, numbers as they were written.
func (o Object) Text() ([]byte, error) {
	var flat, out bytes.Buffer
	flat.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			flat.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		flat.Write(name)
		flat.WriteByte(':')
		flat.Write(m.Value)
	}
	flat.WriteByte('}')
	if err := json.Indent(&out, flat.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
