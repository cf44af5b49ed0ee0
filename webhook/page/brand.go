package page

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/mail"
	"net/url"
	"strings"
)

// brandFile is the file of a folder that says whose pages they are.
const brandFile = "page.json"

// maxLogo is how many bytes a logo may have: it is on every page, on a slow line.
const maxLogo = 50_000

// brand is whose pages they are.
type brand struct {
	Company string `json:"company"` // the name that applicants know; empty is "a company you deal with"
	Logo    string `json:"logo"`    // a file of the folder, SVG or PNG; empty is a plain shield
	Colour  string `json:"colour"`  // of what can be pressed, on light pages, such as #1d5bbf
	Dark    string `json:"dark"`    // the same on dark pages
	Support string `json:"support"` // an e-mail address, a telephone number as +1…, or an https address
	Privacy string `json:"privacy"` // https address of the privacy policy; empty is none

	// Languages are the codes of the languages to offer, the first for applicants
	// who speak none of them; empty is all there are.
	Languages []string `json:"languages"`

	logo    string // what the logo is served as
	image   []byte
	support *contact
}

// contact is how an applicant reaches somebody.
type contact struct{ URL, Text string }

// defaultBrand is that of pages nobody has put a name on.
func defaultBrand() brand {
	return brand{Colour: "#1d5bbf", Dark: "#8db8ff"}
}

// loadBrand reads the folder's page.json and checks everything in it.
func (p *Pages) loadBrand(folder fs.FS) error {
	p.brand = defaultBrand()
	if folder == nil {
		return p.brand.check()
	}
	text, err := fs.ReadFile(folder, brandFile)
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", brandFile, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p.brand); err != nil {
		return fmt.Errorf("%s cannot be used: %w", brandFile, err)
	}
	if p.brand.Company == "" {
		return fmt.Errorf("%s must name the company", brandFile)
	}
	if err := p.brand.check(); err != nil {
		return fmt.Errorf("%s: %w", brandFile, err)
	}
	return p.brand.loadLogo(folder)
}

func (b *brand) check() error {
	if b.Privacy != "" && !webAddress(b.Privacy) {
		return errors.New("privacy must be an https address")
	}
	if err := b.loadSupport(); err != nil {
		return err
	}
	return b.checkColours()
}

func webAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

func (b *brand) loadSupport() error {
	number := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(b.Support)
	address, err := mail.ParseAddress(b.Support)
	switch {
	case b.Support == "":
	case webAddress(b.Support):
		b.support = &contact{b.Support, strings.TrimPrefix(b.Support, "https://")}
	case strings.HasPrefix(number, "+") && strings.Trim(number[1:], "0123456789") == "" && len(number) > 5:
		b.support = &contact{"tel:" + number, b.Support}
	case err == nil && address.Address == b.Support:
		b.support = &contact{"mailto:" + b.Support, b.Support}
	default:
		return errors.New("support must be an e-mail address, a telephone number that begins with +, or an https address")
	}
	return nil
}

// loadLogo reads the logo and refuses one that is more than a picture.
func (b *brand) loadLogo(folder fs.FS) error {
	if b.Logo == "" {
		return nil
	}
	image, err := fs.ReadFile(folder, b.Logo)
	if err != nil {
		return fmt.Errorf("the logo cannot be read: %w", err)
	}
	if len(image) > maxLogo {
		return fmt.Errorf("the logo %s has %d bytes; at most %d are taken", b.Logo, len(image), maxLogo)
	}
	switch {
	case bytes.HasPrefix(image, []byte("\x89PNG\r\n\x1a\n")):
		b.logo = "logo.png"
	case strings.HasSuffix(b.Logo, ".svg"):
		if err := checkSVG(image); err != nil {
			return fmt.Errorf("the logo %s %w", b.Logo, err)
		}
		b.logo = "logo.svg"
	default:
		return fmt.Errorf("the logo %s is neither an SVG nor a PNG", b.Logo)
	}
	b.image = image
	return nil
}

// checkSVG refuses whatever in an SVG runs, loads or changes something.
func checkSVG(image []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(image))
	root := true
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && !root {
			return nil
		}
		if err != nil {
			return fmt.Errorf("is not an SVG that can be read: %w", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("has a DOCTYPE, which is not taken")
		case xml.ProcInst:
			if t.Target != "xml" {
				return errors.New("refers to a style sheet, which is not taken")
			}
		case xml.StartElement:
			if root && t.Name.Local != "svg" {
				return errors.New("is not an SVG: its first element is another one")
			}
			root = false
			if err := checkElement(t); err != nil {
				return err
			}
		}
	}
}

func checkElement(t xml.StartElement) error {
	switch name := strings.ToLower(t.Name.Local); name {
	case "script", "foreignobject", "iframe", "a", "image", "animate", "set", "animatetransform", "animatemotion", "style",
		"handler", "listener":
		return fmt.Errorf("has a <%s>, which is not taken", name)
	}
	for _, a := range t.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		switch {
		case strings.HasPrefix(name, "on"):
			return fmt.Errorf("has a script in %s, which is not taken", name)
		case name == "href" && !strings.HasPrefix(value, "#"):
			return errors.New("refers to something outside of itself, which is not taken")
		case strings.Contains(strings.ReplaceAll(value, "url(#", ""), "url("), strings.Contains(value, `\`):
			return errors.New("refers to something outside of itself, which is not taken")
		}
	}
	return nil
}
