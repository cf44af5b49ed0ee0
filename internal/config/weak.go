package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// printed are values that documents print as examples, in small letters: what
// people type for want of a better one, and the vector of Standard Webhooks.
var printed = []string{"password", "passw0rd", "secret", "s3cret", "hunter2", "changeme", "change-me", "example",
	"string", "test", "temporal",
	"whsec_mfkq9r8gkyqrtwjupd8ilpzio2lalasw"}

// placeholderWords are words that no draw contains and every example of ours does: a
// drawn secret has one of them once in ten million.
var placeholderWords = []string{"secret", "password", "example", "change-me", "changeme", "that-does-not-end"}

const example = "is a published example value"

// minVaried is how many different characters, and different steps from one to
// the next, a secret has at least: sixteen drawn hexadecimal digits have twice
// as many, and aaaa…, abab… and 123456… a few.
const minVaried = 6

// shortSecret is where a text is too short to judge whether it was drawn at random.
const shortSecret = 12

// ourKeys are of the keysets that our tests pin the form of stored images and
// of histories with.
var ourKeys = []string{"GiA/8etcgVRjILhER070I8Wgar0Qo2hfyaLyhHhmNy4g5g==",
	"GiAkckuHJM668NOA7jKePsaGHxR0ScE056HcE3RnkI0L3g=="}

// CheckNotPublished refuses a secret that is printed as an example, whatever else may be
// said of it: how good a provider's password is, is the provider's business. The
// error names the variable and does not repeat the secret.
func CheckNotPublished(variable, secret string) error {
	if slices.Contains(printed, strings.ToLower(secret)) || slices.ContainsFunc(ourKeys,
		func(key string) bool { return strings.Contains(secret, key) }) {
		return fmt.Errorf("%s %s: generate one", variable, example)
	}
	return nil
}

// Weak says why a secret is none, in words to follow it; nothing if it may have
// been drawn. How long it must be is the reader's decision.
func Weak(secret string) string {
	low := strings.ToLower(secret)
	if slices.Contains(printed, low) || slices.ContainsFunc(placeholderWords,
		func(word string) bool { return strings.Contains(low, word) }) {
		return example
	}
	characters := []rune(strings.TrimPrefix(secret, "whsec_"))
	if len(characters) < shortSecret {
		return ""
	}
	different, steps := map[rune]bool{}, map[rune]bool{}
	for i, c := range characters {
		different[c] = true
		if i > 0 {
			steps[c-characters[i-1]] = true
		}
	}
	if len(different) < minVaried || len(steps) < minVaried {
		return "repeats one pattern"
	}
	return ""
}

// CheckStrength refuses a list of secrets, as ParseKeys reads one, if anybody could
// guess one of them or it has fewer than least characters. The error names the
// variable, says which secret it is, and does not repeat it.
func CheckStrength(variable, list string, least int) error {
	for i, secret := range Fields(list) {
		why := Weak(secret)
		if n := utf8.RuneCountInString(secret); why == "" && n < least {
			why = fmt.Sprintf("has %d characters and needs at least %d", n, least)
		}
		if why != "" {
			return fmt.Errorf("%s: secret %d %s: generate one with starter keys init", variable, i+1, why)
		}
	}
	return nil
}

// Fields are the secrets of a list, separated by commas or line ends, without blanks around them.
func Fields(list string) (all []string) {
	for field := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' }) {
		if field = strings.TrimSpace(field); field != "" {
			all = append(all, field)
		}
	}
	return all
}
