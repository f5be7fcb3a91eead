// Package finite writes JSON with null for NaN and infinite numbers, for which encoding/json returns an error.
package finite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// JSON returns v as json.MarshalIndent with two spaces, and a newline. v may hold structs, slices, maps with string
// keys and plain values.
func JSON(v any) ([]byte, error) {
	var raw bytes.Buffer
	if err := write(&raw, reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// write appends v. If encoding/json fails, it writes the parts one by one, down to the number that is not finite.
func write(out *bytes.Buffer, v reflect.Value) error {
	if !v.IsValid() {
		out.WriteString("null")
		return nil
	}
	data, err := json.Marshal(v.Interface())
	if err == nil {
		out.Write(data)
		return nil
	}
	if _, own := v.Interface().(json.Marshaler); own {
		return fmt.Errorf("write JSON: %w", err)
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			out.WriteString("null")
			return nil
		}
	case reflect.Pointer, reflect.Interface:
		return write(out, v.Elem())
	case reflect.Slice, reflect.Array:
		return list(out, '[', ']', v.Len(), func(i int) error { return write(out, v.Index(i)) })
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		return list(out, '{', '}', len(keys), func(i int) error { return member(out, keys[i].String(), v.MapIndex(keys[i])) })
	case reflect.Struct:
		fields := fieldsOf(v)
		return list(out, '{', '}', len(fields), func(i int) error { return member(out, fields[i].name, fields[i].value) })
	}
	return fmt.Errorf("write JSON: %w", err)
}

func list(out *bytes.Buffer, begin, end byte, n int, element func(int) error) error {
	out.WriteByte(begin)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := element(i); err != nil {
			return err
		}
	}
	out.WriteByte(end)
	return nil
}

func member(out *bytes.Buffer, name string, v reflect.Value) error {
	quoted, err := json.Marshal(name)
	if err != nil {
		return err
	}
	out.Write(quoted)
	out.WriteByte(':')
	return write(out, v)
}

type field struct {
	name  string
	value reflect.Value
}

// fieldsOf returns the fields that JSON shows. It follows encoding/json for names, omitempty and embedded structs.
func fieldsOf(v reflect.Value) []field {
	var fields []field
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			for value.Kind() == reflect.Pointer && !value.IsNil() {
				value = value.Elem()
			}
			if value.Kind() == reflect.Struct {
				fields = append(fields, fieldsOf(value)...)
			}
			continue
		}
		if !f.IsExported() || name == "-" || strings.Contains(options, "omitempty") && empty(value) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields = append(fields, field{name, value})
	}
	return fields
}

// empty reports whether omitempty leaves v out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
