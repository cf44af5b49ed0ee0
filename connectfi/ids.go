package connectfi

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
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

const base62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// gregorian is the start of a version-1 UUID's clock, in 100 ns before 1970.
const gregorian = 0x01b21dd213814000

// NewID makes an id of the documented form: a prefix and the base62 of a
// version-1 UUID (D). Such an id can be guessed; it is never a secret.
func NewID(prefix string, now time.Time) string {
	uuid := newUUID(now)
	n := new(big.Int).SetBytes(uuid[:])
	var digits []byte
	for zero, base, digit := new(big.Int), big.NewInt(62), new(big.Int); n.Cmp(zero) > 0; {
		n.DivMod(n, base, digit)
		digits = append(digits, base62[digit.Int64()])
	}
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	return prefix + string(digits)
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

// IDTime says when an id was made (D).
func IDTime(id string) (time.Time, error) {
	_, digits, ok := strings.Cut(id, "_")
	if !ok || len(digits) > 22 { // of 128 bits
		return time.Time{}, errors.New("not an id of ConnectFi's form")
	}
	n := new(big.Int)
	for _, d := range []byte(digits) {
		value := strings.IndexByte(base62, d)
		if value < 0 {
			return time.Time{}, errors.New("not an id of ConnectFi's form")
		}
		n.Add(n.Mul(n, big.NewInt(62)), big.NewInt(int64(value)))
	}
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
