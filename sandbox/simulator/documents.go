package simulator

import (
	"errors"
	"io"
	"net/http"

	"durablekyc.example/connectfi"
)

// maxImage bounds an upload; the real limit is not known (A).
const maxImage = 32 << 20

// document is one image that was announced. Its bytes are counted, not kept.
type document struct {
	kind     string
	uploaded bool
	counted  bool // in the ledger, under the reference it was first linked for
}

// generate is POST /akepa/document/generate (C).
func (s *Sandbox) generate(r *http.Request) (any, error) {
	request, err := decode[connectfi.GenerateRequest](r)
	if err != nil {
		return nil, err
	}
	id := connectfi.NewID(connectfi.PrefixDocument, s.config.Clock())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.documents[id] = &document{kind: request.Type}
	return connectfi.Document{ID: id}, nil
}

// upload is POST /akepa/document/upload/:documentId: multipart/form-data, field
// file; an unknown id is refused (C). No file, or an empty one, is fileNotFound
// (A). What data a good upload answers was not seen: the id (A). Uploading
// again replaces the image (A).
func (s *Sandbox) upload(r *http.Request) (any, error) {
	id := r.PathValue("id")
	s.mu.Lock()
	known := s.documents[id]
	s.mu.Unlock()
	if known == nil {
		return nil, documentNotFound(id)
	}
	size, err := fileSize(r)
	switch {
	case err != nil:
		return nil, err
	case size == 0:
		return nil, fileNotFound(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known.uploaded = true
	return connectfi.Document{ID: id}, nil
}

// fileSize reads through the form and says how long its file is; zero if there
// is none.
func fileSize(r *http.Request) (int64, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return 0, noForm()
	}
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case err != nil:
			return 0, noForm()
		case part.FormName() != "file":
			continue
		}
		size, err := io.Copy(io.Discard, io.LimitReader(part, maxImage+1))
		switch {
		case err != nil:
			return 0, noForm()
		case size > maxImage:
			return 0, tooLarge()
		}
		return size, nil
	}
}

// noForm is the answer to a body that is not multipart/form-data (A).
func noForm() error {
	return invalid([]connectfi.Problem{connectfi.NewProblem("", "required", "missingProperty", "file",
		"must have required property 'file'")})
}

// update is POST /akepa/update: it links documents to one entity (C). After
// completed nothing can be attached (C). Before that everything is taken and
// counted, also a document that is linked already and also while none is
// wanted, so that a doubled call shows in the ledger (A). A document must have
// been announced and uploaded, else nothing at all is linked (A). The answer is
// the application after it; no callback comes, a request having caused it (C).
func (s *Sandbox) update(r *http.Request) (any, error) {
	request, err := decode[connectfi.UpdateRequest](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(request.CustomerID, request.ApplicationID)
	if err != nil {
		return nil, err
	}
	e := a.entity(request.EntityID)
	switch {
	case e == nil:
		return nil, customerNotFound(request.EntityID) // an entity's id is a customer's (A)
	case e.status == connectfi.StatusCompleted:
		return nil, alreadyDecided(e.status)
	}
	if err := s.linkable(request.Documents); err != nil {
		return nil, err
	}
	complete := false
	for _, link := range request.Documents {
		d := s.documents[link.DocumentID]
		entry := s.ledger.of(a.reference)
		entry.Attachments++
		if !d.counted {
			d.counted = true
			entry.Documents++
		}
		complete = e.show(d.kind, link.Side) || complete
	}
	if complete && e.wantsDocuments() {
		e.enter(scripts[e.scenario].after(e.complete))
		e.complete++
		s.scheduleOwnSteps(a, e)
	}
	return a.body(s.config.AggregatorID), nil
}

func (a *application) entity(id string) *entity {
	for _, e := range a.entities {
		if e.id == id {
			return e
		}
	}
	return nil
}

func (s *Sandbox) linkable(links []connectfi.DocumentLink) error {
	for _, link := range links {
		switch d := s.documents[link.DocumentID]; {
		case d == nil:
			return documentNotFound(link.DocumentID)
		case !d.uploaded:
			return fileNotFound(link.DocumentID)
		}
	}
	return nil
}
