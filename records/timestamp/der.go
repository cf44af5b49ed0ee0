package timestamp

import "encoding/asn1"

// maxDepth is how deep values may be in one another. In a token with certificates it is about 12.
const maxDepth = 40

// isOneValue reports whether data is one value in DER, with nothing behind it. The library takes BER, and in it lengths
// that do not fit together: it reads such a value again for each one around it, and 200 bytes keep it busy for ever.
func isOneValue(data []byte) bool {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(data, &value)
	return err == nil && len(rest) == 0 && areValues(data, maxDepth)
}

// areValues reports whether data is a sequence of values each of which is within the one around it.
func areValues(data []byte, depth int) bool {
	for len(data) > 0 {
		var value asn1.RawValue
		rest, err := asn1.Unmarshal(data, &value)
		if err != nil || value.IsCompound && (depth == 0 || !areValues(value.Bytes, depth-1)) {
			return false
		}
		data = rest
	}
	return true
}
