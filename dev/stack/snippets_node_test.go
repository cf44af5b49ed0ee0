//go:build node

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// snippetAxios is printed on ConnectFi's identification page (S), to the letter.
const snippetAxios = `const axios = require('axios');
const data = {
    "customerId" : "cstap_5mBHiIx3QbkvEpjGfKsI9k",
    "reference": "UNIQUE_REFERENCE_ID",
    "webhookUrl": "https://your_webhook_url/UNIQUE_REFERENCE_ID"
};
const config = {
  method: 'POST',
  url: '${CONNECTFI_BASE_URL}/akepa/identification',
  headers: {
    'Content-Type': "application/json",
    'x-connectfi-token': "A long random string token received from /auth/get-token request"
  },
  data
};

let result;
try {
  result = await axios.request(config);
  if (result.status === 200) {
    console.log(JSON.stringify(result.data));
  }
} catch (err) {
  console.log({
    errCode: err.code,
    responseStatus: err.response && err.response.status,
    data: err.response && JSON.stringify(err.response.data)
  });
}`

func TestThePagesAxiosWorksHereAsThere(t *testing.T) { worksHereAsThere(t, "axios", axios) }

// axios runs the page's script in an async function, for node takes neither
// require in a module nor await outside of one.
func axios(t *testing.T, replaced *strings.Replacer) []byte {
	t.Helper()
	modules, err := filepath.Abs("../../.dev/npm/node_modules") // make tools
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", "-e", "(async () => {\n"+replaced.Replace(snippetAxios)+"\n})()")
	node.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := node.Output()
	require.NoError(t, err)
	return out
}
