package linktoken

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// The purposes of tickets.
const (
	Link    = "link"    // in the address an applicant is given
	Session = "session" // in the cookie that the address is exchanged for
	Form    = "form"    // in every form of that session
	Draft   = "draft"   // in a form that is not complete: what is there already
	API     = "api"     // in the header of a program that has logged in
)

// Ticket is a capability that states its purpose and expires. Who
// holds it can read it; nobody can make or change one without the keys.
type Ticket struct {
	Subject string    // whose case
	Part    string    // which part of it; empty is all
	Epoch   int       // how often tickets of the subject had been revoked when this one was made
	Expires time.Time // to the second
	Nonce   string    // distinguishes two tickets that are otherwise the same; may be empty
}

// Why a ticket is not taken.
var (
	ErrForged  = errors.New("the ticket is not signed with these keys")
	ErrExpired = errors.New("the ticket has expired")
)

// TicketAlphabet is what a ticket's text is made of.
const TicketAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Issue makes a ticket into a text of letters, digits, - and _. The zero Keys
// makes the empty text, which nobody takes.
func (k Keys) Issue(purpose string, t Ticket) string {
	if k.roots == nil {
		return ""
	}
	body := t.encode()
	return base64.RawURLEncoding.EncodeToString(append(body, stamp((*k.roots)[0], purpose, body)...))
}

// Redeem reads a ticket: ErrForged unless one of the keys made it for exactly
// this purpose, ErrExpired, with the ticket, if its time is over.
func (k Keys) Redeem(purpose, text string, now time.Time) (Ticket, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// Line ends inside base64 are skipped even by Strict, and one ticket has one spelling.
	if err != nil || strings.ContainsAny(text, "\r\n") || len(raw) <= stampSize || k.roots == nil {
		return Ticket{}, ErrForged
	}
	body, mac := raw[:len(raw)-stampSize], raw[len(raw)-stampSize:]
	valid := false
	for _, root := range *k.roots {
		valid = hmac.Equal(stamp(root, purpose, body), mac) || valid
	}
	t, ok := decode(body)
	switch {
	case !valid || !ok:
		return Ticket{}, ErrForged
	case !now.Before(t.Expires):
		return t, ErrExpired
	}
	return t, nil
}

// LinkPath is where the addresses that applicants are given lead.
const LinkPath = "/verify"

// Address is the address an applicant is given: the webhook as applicants reach
// it, and a ticket.
func (k Keys) Address(base string, t Ticket) string {
	return strings.TrimRight(base, "/") + LinkPath + "/link/" + k.Issue(Link, t)
}

// stampSize is how many bytes of the HMAC a ticket contains: 128 bits cannot be
// guessed, and a shorter address makes a coarser QR code.
const stampSize = 16

func stamp(root []byte, purpose string, body []byte) []byte {
	key, err := hkdf.Expand(sha256.New, root, "durablekyc ticket "+version+purpose, sha256.Size)
	if err != nil {
		panic(err) // not possible with this length
	}
	return authenticate(key, body)[:stampSize]
}

// encode is one byte for the form, two numbers, and three texts with a zero
// byte between them: none of them may contain one.
func (t Ticket) encode() []byte {
	body := binary.AppendUvarint([]byte{1}, uint64(max(t.Expires.Unix(), 0)))
	body = binary.AppendUvarint(body, uint64(max(t.Epoch, 0)))
	return append(body, strings.Join([]string{t.Subject, t.Part, t.Nonce}, "\x00")...)
}

func decode(body []byte) (t Ticket, ok bool) {
	if len(body) == 0 || body[0] != 1 {
		return t, false
	}
	expires, n := binary.Uvarint(body[1:])
	if n <= 0 {
		return t, false
	}
	body = body[1+n:]
	epoch, n := binary.Uvarint(body)
	if n <= 0 {
		return t, false
	}
	texts := strings.Split(string(body[n:]), "\x00")
	if len(texts) != 3 {
		return t, false
	}
	return Ticket{Subject: texts[0], Part: texts[1], Nonce: texts[2], Epoch: int(epoch), Expires: time.Unix(int64(expires),
		0)}, true
}
