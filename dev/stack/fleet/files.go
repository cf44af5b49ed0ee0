package fleet

import (
	"encoding/json"
	"os"
	"path/filepath"

	"durablekyc.example/internal/imagecheck"
)

// License draws one that is nobody's into a directory, another one for every
// seed: the paths of its front and its back.
func License(dir, seed string) (sides [2]string, err error) {
	for i, side := range []string{"front", "back"} {
		picture, err := imagecheck.Specimen(seed, side)
		if err != nil {
			return sides, err
		}
		sides[i] = filepath.Join(dir, side+".png")
		if err := os.WriteFile(sides[i], picture, 0o600); err != nil {
			return sides, err
		}
	}
	return sides, nil
}

// WriteJSON keeps what a run has found.
func WriteJSON(path string, result any) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
