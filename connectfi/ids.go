package connectfi

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"time"
)

// The prefixes of ConnectFi's ids (D).
const (
	PrefixIndividual  = "cstap_"
	PrefixBusiness    = "cstab_"
	PrefixApplication = "iapp_"
	PrefixDocument    = "doc_"
)

// base is that of the digits of an id: 0-9, a-z, A-Z, as math/big writes them (D).
const base = 62

// gregorian is the start of a version-1 UUID's clock, in 100 ns before 1970.
const gregorian = 0x01b21dd213814000

// NewID makes an id of the documented form: a prefix and the base62 of a
// version-1 UUID (D). Such an id can be guessed; it is never a secret.
func NewID(prefix string, now time.Time) string {
	uuid := newUUID(now)
	return prefix + new(big.Int).SetBytes(uuid[:]).Text(base)
}

// NewRequestID makes a request id: a version-1 UUID without dashes (D).
func NewRequestID(now time.Time) string {
	uuid := newUUID(now)
	return hex.EncodeToString(uuid[:])
}

func newUUID(now time.Time) (u [16]byte) {
	ticks := uint64(now.UnixNano()/100) + gregorian
	binary.BigEndian.PutUint32(u[0:], uint32(ticks))
	binary.BigEndian.PutUint16(u[4:], uint16(ticks>>32))
	binary.BigEndian.PutUint16(u[6:], uint16(ticks>>48)&0x0fff|0x1000)
	rand.Read(u[8:])
	u[8] = u[8]&0x3f | 0x80
	return u
}

// digitsPattern are no more digits than 128 bits have. big.Int would read a sign as well, and a million of them.
var digitsPattern = regexp.MustCompile(`^[0-9a-zA-Z]{1,22}$`)

// IDTime says when an id was made (D).
func IDTime(id string) (time.Time, error) {
	_, digits, ok := strings.Cut(id, "_")
	if !ok || !digitsPattern.MatchString(digits) {
		return time.Time{}, errors.New("not an id of ConnectFi's form")
	}
	n, _ := new(big.Int).SetString(digits, base)
	if n.BitLen() > 128 {
		return time.Time{}, errors.New("not an id of ConnectFi's form")
	}
	var u [16]byte
	n.FillBytes(u[:])
	return uuidTime(u)
}

// RequestIDTime says when a request id was made (D).
func RequestIDTime(id string) (time.Time, error) {
	bytes, err := hex.DecodeString(id)
	if err != nil || len(bytes) != 16 {
		return time.Time{}, errors.New("not a request id of ConnectFi's form")
	}
	return uuidTime([16]byte(bytes))
}

func uuidTime(u [16]byte) (time.Time, error) {
	if u[6]>>4 != 1 {
		return time.Time{}, errors.New("not a version-1 UUID")
	}
	ticks := uint64(binary.BigEndian.Uint32(u[0:])) | uint64(binary.BigEndian.Uint16(u[4:]))<<32 |
		uint64(binary.BigEndian.Uint16(u[6:])&0x0fff)<<48
	return time.Unix(0, int64(ticks-gregorian)*100).UTC(), nil
}
