package simulator

import (
	"io"
	"net/http"

	"durablekyc.example/connectfi"
)

// maxBody bounds every JSON body; the documented ones are far smaller.
const maxBody = 1 << 20

type validator interface{ Validate() []connectfi.Problem }

// decode reads a request the way ConnectFi's schemas do: see connectfi.Decode.
// The error is a *refusal.
func decode[T validator](r *http.Request) (T, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		var none T
		return none, tooLarge()
	}
	request, problems := connectfi.Decode[T](body)
	if len(problems) > 0 {
		return request, invalid(problems)
	}
	return request, nil
}
