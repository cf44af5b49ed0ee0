package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed assets
var assets embed.FS

type asset struct {
	body        []byte
	contentType string
}

// contentTypes is every kind of file that is served. mime.TypeByExtension would
// ask the machine, and answer differently on each.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml; charset=utf-8",
	".png": "image/png",
}

// loadAssets names each file after its content: it may be cached for ever.
func (p *Pages) loadAssets() error {
	p.assets, p.urls = map[string]asset{}, map[string]string{}
	files, err := fs.ReadDir(assets, "assets")
	if err != nil {
		return err
	}
	for _, file := range files {
		body, err := assets.ReadFile("assets/" + file.Name())
		if err != nil {
			return err
		}
		if err := p.addAsset(file.Name(), body); err != nil {
			return err
		}
	}
	if p.brand.logo != "" {
		if err := p.addAsset(p.brand.logo, p.brand.image); err != nil {
			return err
		}
	}
	return p.addAsset("brand.css", p.brand.style())
}

func (p *Pages) addAsset(file string, body []byte) error {
	extension := path.Ext(file)
	contentType, ok := contentTypes[extension]
	if !ok {
		return fmt.Errorf("assets/%s has no content type", file)
	}
	sum := sha256.Sum256(body)
	name := strings.TrimSuffix(file, extension) + "-" + hex.EncodeToString(sum[:8]) + extension
	p.assets[name] = asset{body, contentType}
	p.urls[file] = p.root + "/assets/" + name
	return nil
}

// Asset is a file that the pages refer to as root/assets/name. Its name changes
// with its content, so it may be cached without end.
func (p *Pages) Asset(name string) (body []byte, contentType string, ok bool) {
	a, ok := p.assets[name]
	return a.body, a.contentType, ok
}

// url is where a file of assets/ is served.
func (p *Pages) url(file string) (string, error) {
	url, ok := p.urls[file]
	if !ok {
		return "", fmt.Errorf("there is no assets/%s", file)
	}
	return url, nil
}
