package page

import (
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
)

func write(t *testing.T, r evaluation.Report) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// element is the start tag of a page's element and all text within it.
type element struct {
	name       string
	attributes map[string]string
	text       string
}

// read parses a page, which is also XML, and checks the rules for every page: it is well-formed, has no script, and
// loads nothing from other hosts.
func read(t *testing.T, page string) []element {
	t.Helper()
	var all []element
	var open []int
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, len(all))
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				all[i].text += string(token)
			}
		}
	}
	for _, e := range all {
		switch e.name {
		case "script", "iframe", "img", "object", "embed", "form", "a", "base", "image", "use":
			t.Errorf("the page has a %s", e.name)
		case "style":
			if strings.Contains(e.text, "url(") || strings.Contains(e.text, "@import") {
				t.Error("the style asks for something")
			}
		}
		for name, value := range e.attributes {
			if name == "src" || name == "style" || strings.HasPrefix(name, "on") || name == "href" && value != "data:," {
				t.Errorf("%s has %s=%q", e.name, name, value)
			}
		}
	}
	for _, bad := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
		if strings.Contains(page, bad) {
			t.Errorf("%s in the page", bad)
		}
	}
	return all
}

// The numbers are shown with their digits, and with intervals and errors in small print. Curves have them as tooltips.
func TestNumbers(t *testing.T) {
	r := measured(32, 64)
	of := func(count int) statistics.Proportion { return statistics.Proportion{Count: count, Total: 1000} }
	r.Points[1] = evaluation.Point{
		Probes: 250, HeadBytes: 2176000, Perplexity: evaluation.Perplexity{Value: 105.678, Error: 1.234},
		KLD: evaluation.Distribution{Mean: 0.08301, Error: 0.00212, Median: 0.0123, P90: 0.201, P95: 0.302, P99: 0.7034,
			P999: 2.5, Max: 9.876},
		CoolKLD: evaluation.Distribution{Mean: 0.05, Error: 0.0014, Max: 10.96},
		SameTop: of(997), Top1: of(996), Top5: of(990), Top40: of(1000), Mass: 0.98765, SameDraw: 0.9991,
		Truncated: evaluation.Truncated{Difference: 0.0123, Kept: of(970), KLD: 0.00345},
		Greedy:    &evaluation.Greedy{Identical: statistics.Proportion{Count: 9, Total: 12}, Agreed: 0.8765},
		Speed:     &evaluation.Speed{Dense: 1043, Flash: 1627, Ratio: 1.56, Low: 1.21, High: 1.87},
	}
	page := strings.ReplaceAll(write(t, r), "\u00a0", " ")
	for _, want := range []string{
		"same best token: 99.70 %<small>99.12 to 99.90", "best token scored exactly: 99.60 %<small>98.98 to 99.84",
		"best 5 scored exactly: 99.00 %<small>98.17 to 99.46", "best 40 scored exactly: 100 %<small>99.62 to 100.00",
		"probability mass scored exactly: 98.77 %", "same token drawn: 99.91 %",
		"perplexity<small>dense: 104.320 ± 1.2</small>: 105.678<small>± 1.2", "mean: 0.0830<small>± 0.0021", "median: 0.0123",
		"90 % of positions below: 0.201", "95 %: 0.302", "99 %: 0.703", "99.9 %: 2.50", "largest: 9.88",
		"mean: 0.0500<small>± 0.0014", "largest: 11.0", "draws that differ: 1.23 %",
		"no candidate lost: 97.00 %<small>95.75 to 97.89", "KLD where none is lost, nats: 0.00345",
		"identical: 9 of 12<small>46.77 to 91.11 %", "share before the first difference: 87.65 %",
		"bytes of the head read for a token<small>dense: 8.70 MB</small>: 2.18 MB<small>25.00 %",
		"speed against dense: 1.56 ×<small>1.21 to 1.87", "tokens a second: 1627<small>dense 1043",
	} {
		name, value, _ := strings.Cut(want, ": ")
		if before, dense, ok := strings.Cut(want, "</small>: "); ok {
			name, value = before+"</small>", dense
		}
		row := regexp.MustCompile(`<th scope="row">` + regexp.QuoteMeta(name) + `</th><td>[^\n]*</td><td>` +
			regexp.QuoteMeta(value) + `<`)
		if !row.MatchString(page) {
			t.Errorf("no row %s", want)
		}
	}
	for _, want := range []string{"99.70 % (99.12 to 99.90)", "0.0830 ± 0.0021", "1.56 (1.21 to 1.87) times as fast",
		"25.00 %, 2.18 MB", "98.77 %"} {
		if !strings.Contains(page, "<title>P = 250: "+want+"</title>") {
			t.Errorf("no point is called %s", want)
		}
	}
}

// Every number of a report must be on the page: the test changes them one by one, and each must change the page.
func TestEveryNumberIsShown(t *testing.T) {
	r := measured(64, 250)
	r.Runtime.Mode, r.Runtime.Temperature, r.Runtime.Seed = "sample", 0.9, 7
	r.Model.CoarseBits, r.Model.FineBytes = 192, 32
	before := write(t, r)
	changed := 0
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		case reflect.Int, reflect.Int64, reflect.Uint32, reflect.Float64:
			old := reflect.ValueOf(v.Interface())
			switch {
			case v.CanInt():
				v.SetInt(v.Int() + 1 + v.Int()/16)
			case v.CanUint():
				v.SetUint(v.Uint() + 1)
			default:
				v.SetFloat(v.Float() * 1.1)
			}
			// except the speed of one continuation: a point has the median, the lowest and the highest
			single := strings.HasPrefix(path, ".Generation") && strings.HasSuffix(path, "Speed")
			if after := write(t, r); after == before != single {
				t.Errorf("%s: %v to %v: page the same: %v", path, old, v, after == before)
			}
			v.Set(old)
			changed++
		}
	}
	walk("", reflect.ValueOf(&r).Elem())
	if changed < 100 {
		t.Errorf("only %d numbers", changed)
	}
}

// The command on the page can be pasted into a shell.
func TestCommand(t *testing.T) {
	r := measured(64, 250)
	if got, want := command(r), "fh-ollama eval demo.gguf --text heldout.txt --probes 64,250 --chunks 40 --ctx 256 "+
		"--predict 64 --threads 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r.Model.File, r.Text.Name, r.Generation = "it's $HOME.gguf", evaluation.BuiltIn, nil
	r.Runtime.Mode, r.Runtime.Temperature, r.Runtime.Seed = "sample", 0.8, 42
	if got, want := command(r), `fh-ollama eval 'it'\''s $HOME.gguf' --probes 64,250 --chunks 40 --ctx 256 `+
		`--predict 0 --mode sample --temperature 0.8 --seed 42 --threads 2`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
