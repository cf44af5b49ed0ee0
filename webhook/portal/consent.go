package portal

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"durablekyc.example/kyc"
)

// consent is what somebody agrees to now, and the notice that the page showed with
// it, in the language of the page. Both texts are kept before the case gets their
// digests, so that a record of the case finds them.
func (p *Portal) consent(ctx context.Context, lang string) (*kyc.Consent, error) {
	text, err := p.keepText(ctx, p.pages.ConsentText(lang))
	if err != nil {
		return nil, err
	}
	notice, err := p.keepText(ctx, p.pages.NoticeText(lang))
	if err != nil {
		return nil, err
	}
	return &kyc.Consent{Text: text, Version: p.pages.ConsentVersion(lang), Language: lang, At: time.Now().UTC(),
		Notice: &kyc.ShownText{Text: notice, Version: p.pages.NoticeVersion(lang), Language: lang}}, nil
}

// keepText returns the SHA-256 of a text that is in the document store from now on,
// and asks the store once for each text.
func (p *Portal) keepText(ctx context.Context, text string) (sum string, err error) {
	if sum, there := p.texts.Load(text); there {
		return sum.(string), nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.config.AnswerTimeout)
	defer cancel()
	if sum, err = p.config.Documents.PutText(ctx, text); err == nil {
		p.texts.Store(text, sum)
	}
	return sum, err
}

// visit is how the applicant came to the submission that is sent now.
func (p *Portal) visit(c *gin.Context, d draft) *kyc.Visit {
	_, device := p.metrics.labels(c)
	v := &kyc.Visit{Language: p.language(c), Device: device, Refused: d.Refused}
	if !d.Began.IsZero() {
		v.Took = max(0, time.Since(d.Began).Truncate(time.Second))
	}
	return v
}
