package page

import (
	"encoding/xml"
	"io"
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

// Numbers are shown with enough digits and the confidence intervals of shares. Curves have them as tooltips.
func TestNumbers(t *testing.T) {
	r := measured(32, 64)
	of := func(count int) statistics.Proportion { return statistics.Proportion{Count: count, Total: 1000} }
	r.Points[1] = evaluation.Point{Probes: 250, HeadBytes: 2176000, SameTop: of(997), Top40: of(1000), Mass: 0.98765,
		KLD:   evaluation.Distribution{Mean: 0.08301, Error: 0.00212, P999: 2.5},
		Kinds: []evaluation.Kind{{Name: "code", SameDraw: 0.99991}},
		Speed: &evaluation.Speed{Ratio: 1.56, Low: 1.21, High: 1.87},
	}
	page := strings.ReplaceAll(write(t, r), "\u00a0", " ")
	for name, want := range map[string]string{
		"head_bytes": "2176000", "same_top": "99.70 % (99.12 to 99.90) of 1000",
		"top_40_contained": "100 % (99.62 to 100.00) of 1000", "mass_covered": "0.98765", "kld.mean": "0.083010", "kld.p99_9": "2.5000", "kinds.code.same_draw": "0.99991",
		"kinds.languages.same_draw": "–", "speed.ratio": "1.5600",
	} {
		row := regexp.MustCompile(`<th scope="row">` + regexp.QuoteMeta(name) + `</th><td>.*</td><td>(.*)</td></tr>`)
		if found := row.FindStringSubmatch(page); found == nil || found[1] != want {
			t.Errorf("%s is %q, want %s", name, found, want)
		}
	}
	for _, want := range []string{"99.70 % (99.12 to 99.90)", "0.0830 ± 0.0021", "1.56 (1.21 to 1.87) times as fast",
		"25.00 %, 2.18 MB", "98.77 %"} {
		if !strings.Contains(page, "<title>P = 250: "+want+"</title>") {
			t.Errorf("no point is called %s", want)
		}
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
