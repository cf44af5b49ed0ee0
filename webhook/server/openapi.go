package server

import (
	_ "embed"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Description is all that the service answers and sends, as OpenAPI 3.1. The
// tests hold every answer against it.
//
//go:embed openapi.yaml
var Description []byte

func describe(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", Description) }
