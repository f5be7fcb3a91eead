package release

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// Where the sources are from.
const (
	ownHome      = "https://github.com/fh-ollama/fh-ollama"
	llamaCppHome = "https://github.com/ggml-org/llama.cpp"
	vendorsName  = "lib/ollama/LLAMA_CPP_VENDORS_LICENSE"
)

// bill is the bill of materials, JSON of SPDX 2.3: every file, and every component with the text of its licence.
// https://spdx.github.io/spdx-spec/v2.3/
func (c *contents) bill(o Options) ([]byte, error) {
	b := &billing{contents: c, texts: map[string]bool{}, packages: map[common.ElementID]bool{}}
	b.doc = &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: c.name(),
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "fh-ollama-release-" + c.build.FHOllama}},
			Created:  o.Time.UTC().Format(time.RFC3339),
		},
	}
	b.relate(b.doc.SPDXIdentifier, "DESCRIBES", b.component(component{
		id: "fh-ollama", name: "fh-ollama", version: c.build.FHOllama, home: ownHome, license: "MIT", purpose: "APPLICATION",
		locator: "pkg:golang/github.com/fh-ollama/fh-ollama@" + c.build.FHOllama,
	}))
	b.files()
	b.ollama(o)
	if err := b.llamaCpp(o); err != nil {
		return nil, err
	}
	for id, p := range map[common.ElementID]program{"fh-ollama": c.programs[0], "ollama": c.programs[1]} {
		if err := b.modules(id, p); err != nil {
			return nil, err
		}
	}
	b.sort()
	// A namespace is unique to a document: it follows from what the document is about.
	b.doc.DocumentNamespace = fmt.Sprintf("%s/spdx/%s-%s", ownHome, c.name(), b.digest())
	var out bytes.Buffer
	err := json.Write(b.doc, &out, json.Indent("  "), json.EscapeHTML(false))
	return out.Bytes(), err
}

// billing is a bill in the making.
type billing struct {
	*contents
	doc      *spdx.Document
	texts    map[string]bool
	packages map[common.ElementID]bool
}

// component is a part that somebody released.
type component struct {
	id            common.ElementID
	name, version string
	home          string
	license       string // SPDX expression
	locator       string // package URL
	purpose       string
	sha256        string // of the archive that it is from
	comment       string
}

// component adds a package and returns its id.
func (b *billing) component(c component) common.ElementID {
	if b.packages[c.id] {
		return c.id
	}
	b.packages[c.id] = true
	p := &spdx.Package{
		PackageName: c.name, PackageSPDXIdentifier: c.id, PackageVersion: c.version, PackageDownloadLocation: c.home,
		PackageLicenseConcluded: "NOASSERTION", PackageLicenseDeclared: c.license, PackageCopyrightText: "NOASSERTION",
		PrimaryPackagePurpose: c.purpose, PackageSourceInfo: c.comment, IsFilesAnalyzedTagPresent: true,
	}
	if c.locator != "" {
		p.PackageExternalReferences = []*spdx.PackageExternalReference{
			{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: c.locator},
		}
	}
	if c.sha256 != "" {
		p.PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: c.sha256}}
	}
	b.doc.Packages = append(b.doc.Packages, p)
	return c.id
}

func (b *billing) relate(from common.ElementID, how string, to common.ElementID) {
	b.doc.Relationships = append(b.doc.Relationships, &spdx.Relationship{
		RefA: common.DocElementID{ElementRefID: from}, Relationship: how, RefB: common.DocElementID{ElementRefID: to}})
}

// text adds licence texts and returns the expression that names all of them. Whose words these are, nobody has to guess:
// the text itself is in the bill.
func (b *billing) text(files []entry) string {
	var names []string
	for _, f := range files {
		sum := sha256.Sum256(f.data)
		name := "LicenseRef-" + hex.EncodeToString(sum[:8])
		if !b.texts[name] {
			b.texts[name] = true
			b.doc.OtherLicenses = append(b.doc.OtherLicenses, &spdx.OtherLicense{
				LicenseIdentifier: name, ExtractedText: string(f.data), LicenseName: "NOASSERTION"})
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " AND ")
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// id makes an identifier of a kind and a name, which is shortened to what identifiers may hold, and so gets a digest.
func id(kind, name string) common.ElementID {
	sum := sha256.Sum256([]byte(name))
	return common.ElementID(kind + "-" + notInID.ReplaceAllString(name, "-") + "-" + hex.EncodeToString(sum[:3]))
}

// files adds everything in the archive that has content, but for the bill itself.
func (b *billing) files() {
	for _, e := range b.entries {
		if e.link != "" {
			continue
		}
		one, two := sha1.Sum(e.data), sha256.Sum256(e.data)
		f := &spdx.File{
			FileName: "./" + e.name, FileSPDXIdentifier: id("File", e.name), FileCopyrightText: "NOASSERTION", LicenseConcluded: "NOASSERTION",
			Checksums: []common.Checksum{ // the first is what the form asks for
				{Algorithm: common.SHA1, Value: hex.EncodeToString(one[:])}, {Algorithm: common.SHA256, Value: hex.EncodeToString(two[:])}},
		}
		b.doc.Files = append(b.doc.Files, f)
		b.relate("fh-ollama", "CONTAINS", f.FileSPDXIdentifier)
	}
}

func (b *billing) ollama(o Options) {
	version := strings.TrimPrefix(o.Pins.Ollama.Version, "v")
	b.relate("fh-ollama", "CONTAINS", b.component(component{
		id: "ollama", name: "ollama", version: version, home: "https://" + o.Pins.Ollama.Module, license: o.Pins.Ollama.License,
		purpose: "APPLICATION", locator: "pkg:golang/" + o.Pins.Ollama.Module + "@" + o.Pins.Ollama.Version,
		comment: "Go module with the sum " + o.Pins.Ollama.Sum + "; its Go code as it is, its patches of llama.cpp applied",
	}))
}

// llamaCpp adds llama.cpp and what it bundles.
func (b *billing) llamaCpp(o Options) error {
	pin := o.Pins.LlamaCpp
	b.relate("fh-ollama", "CONTAINS", b.component(component{
		id: "llama.cpp", name: "llama.cpp", version: pin.Commit, home: "git+" + llamaCppHome + "@" + pin.Commit, license: pin.License,
		purpose: "LIBRARY", locator: "pkg:github/ggml-org/llama.cpp@" + pin.Commit, sha256: pin.SHA256,
		comment: fmt.Sprintf("with ggml %s, from %s in %s, whose checksum this is, with the patches %s of fh-ollama", pin.GGML, pin.Subdir, pin.File, o.Pins.Patches.Series),
	}))
	at := slices.IndexFunc(b.entries, func(e entry) bool { return e.name == vendorsName })
	if at < 0 {
		return errors.New("the build has no " + vendorsName)
	}
	parts := vendored(b.entries[at].data)
	if len(parts) < 2 { // llama.cpp itself stands there, too
		return fmt.Errorf("%s names no part of llama.cpp", vendorsName)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if name == "llama.cpp" {
			continue
		}
		b.relate("llama.cpp", "CONTAINS", b.component(component{
			id: id("Vendored", name), name: name, version: "in llama.cpp " + pin.Commit, home: "git+" + llamaCppHome + "@" + pin.Commit,
			license: b.text([]entry{{data: []byte(parts[name])}}), purpose: "LIBRARY",
		}))
	}
	return nil
}

// modules adds what a Go program was linked from.
func (b *billing) modules(of common.ElementID, p program) error {
	add := func(name, version, home, locator, comment string) error {
		dir := moduleDir(name, version)
		var files []entry
		for _, e := range b.entries {
			if path.Dir(e.name) == dir {
				files = append(files, e)
			}
		}
		if len(files) == 0 {
			return fmt.Errorf("%s has no licence", dir)
		}
		b.relate(of, "CONTAINS", b.component(component{
			id: id("Go", name+"@"+version), name: name, version: version, home: home, locator: locator, comment: comment,
			license: b.text(files), purpose: "LIBRARY",
		}))
		return nil
	}
	version := goVersion(p.info)
	if err := add("std", version, "https://go.dev/dl", "pkg:golang/std@"+version, "the Go standard library"); err != nil {
		return err
	}
	for _, m := range modulesOf(p.info) {
		comment := ""
		if m.Sum != "" {
			comment = "Go module with the sum " + m.Sum
		}
		if err := add(m.Path, m.Version, "https://"+m.Path, "pkg:golang/"+m.Path+"@"+m.Version, comment); err != nil {
			return err
		}
	}
	return nil
}

// sort puts everything in an order that follows from the content.
func (b *billing) sort() {
	slices.SortFunc(b.doc.Packages, func(a, b *spdx.Package) int {
		return strings.Compare(string(a.PackageSPDXIdentifier), string(b.PackageSPDXIdentifier))
	})
	slices.SortFunc(b.doc.Files, func(a, b *spdx.File) int { return strings.Compare(a.FileName, b.FileName) })
	slices.SortFunc(b.doc.OtherLicenses, func(a, b *spdx.OtherLicense) int { return strings.Compare(a.LicenseIdentifier, b.LicenseIdentifier) })
	key := func(r *spdx.Relationship) string {
		return string(r.RefA.ElementRefID) + " " + r.Relationship + " " + string(r.RefB.ElementRefID)
	}
	slices.SortFunc(b.doc.Relationships, func(a, b *spdx.Relationship) int { return strings.Compare(key(a), key(b)) })
}

// digest is one of all files.
func (b *billing) digest() string {
	h := sha256.New()
	for _, f := range b.doc.Files {
		fmt.Fprintf(h, "%s %s\n", f.Checksums[1].Value, f.FileName)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
