package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"durablekyc.example/internal/config"
	"durablekyc.example/internal/delivery"
	"durablekyc.example/internal/docstore"
	"durablekyc.example/internal/encryption"
	"durablekyc.example/internal/imagecheck"
	"durablekyc.example/internal/linktoken"
	"durablekyc.example/kyc"
	"durablekyc.example/workflows"
)

func (x *doctorRun) checkLinkKeys(context.Context) {
	const check = "KYC_LINK_KEYS"
	text, ok := x.value(check, "it signs callback URLs and upload links")
	if !ok {
		return
	}
	keys, err := linktoken.ParseKeys(text)
	if err == nil {
		err = config.CheckStrength(check, text, 0)
	}
	if err != nil {
		x.bad(check, strings.TrimPrefix(oneLine(err), check+": "),
			"starter keys new; put the new one in front of those in use")
		return
	}
	x.keys = keys
	x.ok(check, "valid")
}

func (x *doctorRun) checkKeyset(ctx context.Context) {
	const check = "KYC_KEYSET"
	text, ok := x.value(check, "it encrypts cases and images")
	if !ok {
		return
	}
	kek, _, err := x.lookup.Value("KYC_KEYSET_KEK")
	if err == nil {
		err = config.CheckNotPublished(check, text)
	}
	var keyset encryption.Keyset
	if err == nil {
		keyset, err = encryption.OpenKeyset(ctx, text, kek)
	}
	if err == nil {
		err = roundTrip(keyset)
	}
	if err != nil {
		x.bad(check, oneLine(err), "KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor")
		return
	}
	x.keyset = &keyset
	x.ok(check, "encrypts and decrypts")
}

// roundTrip seals something and opens it again.
func roundTrip(keyset encryption.Keyset) error {
	there, back := rand.Text(), ""
	data := converter.WithDataConverterSerializationContext(keyset.Converters().Data,
		converter.WorkflowSerializationContext{WorkflowID: workflows.ID("doctor")})
	p, err := data.ToPayload(there)
	if err == nil {
		err = data.FromPayload(p, &back)
	}
	if err == nil && back != there {
		err = errors.New("round trip failed: cannot decrypt its own output")
	}
	return err
}

// fewCases is of how many of the newest cases what they began with is opened.
const fewCases = 5

// checkCases finds the usual fault of a keyset: it is a good one, and not that of
// the cases.
func (x *doctorRun) checkCases(ctx context.Context) {
	const check = "KYC_KEYSET decrypts cases"
	switch {
	case x.keyset == nil:
		x.skip(check, "no keyset")
		return
	case !x.named:
		x.skip(check, "no namespace")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	found, err := x.temporal.ListWorkflow(ctx,
		&workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowType = '%s'", workflows.Type),
			PageSize: fewCases})
	if err != nil {
		x.bad(check, "cannot list them: "+oneLine(err), "starter doctor again in a moment")
		return
	}
	opened := 0
	for _, e := range found.GetExecutions() {
		begun, err := x.startInput(ctx, e.GetExecution())
		if missing(err) {
			continue // forgotten meanwhile
		}
		if err == nil {
			_, err = x.keyset.Codec().Decode(begun)
		}
		switch id := e.GetExecution().GetWorkflowId(); {
		case errors.Is(err, encryption.ErrClear):
			x.bad(check, id+" was started unencrypted; workers reject it",
				"temporal workflow terminate --workflow-id "+id+", then start it again with the starter")
			return
		case errors.Is(err, encryption.ErrSealed):
			x.bad(check, id+" is encrypted with a key that is not in this keyset",
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor")
			return
		case err != nil:
			x.bad(check, id+" is not readable: "+oneLine(err), "starter doctor again in a moment")
			return
		}
		opened++
	}
	if opened == 0 {
		x.skip(check, "no case yet")
		return
	}
	x.ok(check, fmt.Sprintf("decrypted the newest %d", opened))
}

// startInput is what a run of a case was started with, as it is stored.
func (x *doctorRun) startInput(ctx context.Context, e *commonpb.WorkflowExecution) ([]*commonpb.Payload, error) {
	h, err := x.temporal.WorkflowService().GetWorkflowExecutionHistory(ctx,
		&workflowservice.GetWorkflowExecutionHistoryRequest{
			Namespace: x.namespace, Execution: e, MaximumPageSize: 1,
			HistoryEventFilterType: enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT})
	if err != nil {
		return nil, err
	}
	for _, event := range h.GetHistory().GetEvents() {
		return event.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads(), nil
	}
	return nil, nil
}

// checkDocuments keeps an image as an applicant's is kept, reads it and takes it
// away. Were it left behind, the worker's sweep would: no case has its owner.
func (x *doctorRun) checkDocuments(ctx context.Context) {
	const check = "KYC_DOCUMENTS"
	at, ok := x.value(check, "it is the bucket that worker, webhook and starter share")
	switch {
	case !ok:
		return
	case strings.HasPrefix(at, "mem:"):
		x.warn(check, "mem:// is the memory of one process: other processes do not see its images, and a restart loses them",
			"KYC_DOCUMENTS=file:///var/lib/kyc/documents, or a bucket's URL")
		return
	case x.keyset == nil:
		x.skip(check, "no keyset to encrypt with")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	store, err := docstore.Open(ctx, at, *x.keyset)
	if err == nil {
		err = errors.Join(probe(ctx, store), store.Close())
	}
	if err != nil {
		x.bad(check, oneLine(err),
			"KYC_DOCUMENTS=the-bucket-of-the-worker, with permission to list, read, write and delete in it")
		return
	}
	x.ok(check, "writing, reading and deleting an image works")
}

func probe(ctx context.Context, store *docstore.Store) error {
	owner := "starter-doctor-" + rand.Text()
	image, err := imagecheck.Specimen(owner, string(kyc.Front))
	if err != nil {
		return err
	}
	key, err := store.Put(ctx, owner, bytes.NewReader(image), "")
	if err != nil {
		return fmt.Errorf("cannot write an image: %w", err)
	}
	r, err := store.Read(ctx, owner, key)
	if err == nil {
		var back []byte
		back, err = io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err == nil && !bytes.Equal(back, image) {
			err = errors.New("read another image than was written")
		}
	}
	if err != nil {
		err = fmt.Errorf("cannot read the written image: %w", err)
	}
	if gone := store.DeleteOwner(ctx, owner); gone != nil {
		err = errors.Join(err, fmt.Errorf("cannot delete the written image: %w", gone))
	}
	return err
}

func (x *doctorRun) checkPolicy(context.Context) {
	const check = "KYC_POLICY"
	text, _, err := x.lookup.Value(check)
	if err == nil {
		_, err = kyc.ParsePolicy(text)
	}
	switch {
	case err != nil:
		x.bad(check, oneLine(err), `KYC_POLICY='{"documents":"720h","case":"2160h"}', or unset it`)
	case text == "":
		x.ok(check, "not set: documents within 30 days, a case within 90 days")
	default:
		x.ok(check, "valid")
	}
}

// checkNotify sends nothing: a receiver may act on what it gets.
func (x *doctorRun) checkNotify(context.Context) {
	if text, ok := x.value("KYC_NOTIFY_SECRET", "it signs notifications, and the worker requires it"); ok {
		_, err := delivery.ParseSecrets(text)
		if err = cmp.Or(err, config.CheckStrength("KYC_NOTIFY_SECRET", text, 0)); err != nil {
			x.bad("KYC_NOTIFY_SECRET", strings.TrimPrefix(oneLine(err), "KYC_NOTIFY_SECRET: "),
				"starter keys new; put the new one in front of those in use")
		} else {
			x.ok("KYC_NOTIFY_SECRET", "valid")
		}
	}
	const check = "KYC_NOTIFY_URL"
	address, _, err := x.lookup.Value(check)
	private, _, perr := x.lookup.Value("KYC_NOTIFY_ALLOW_PRIVATE")
	if err = errors.Join(err, perr); err == nil && address != "" {
		err = delivery.CheckURL(address)
	}
	u, _ := url.Parse(address)
	switch {
	case err != nil:
		x.bad(check, oneLine(err), check+"=https://receiver.example.com/kyc")
	case address == "":
		x.skip(check, "not set: no receiver for all cases")
	case private != "true" && (local(u.Hostname()) || u.Port() != "" && u.Port() != "80" && u.Port() != "443"):
		x.bad(check, "a private address or a port other than 80 and 443, where notifications are not delivered",
			"KYC_NOTIFY_ALLOW_PRIVATE=true for the worker, if you operate the receiver")
	case u.Scheme != "https" && !local(u.Hostname()):
		x.warn(check, "plain http: notifications contain upload links and would be sent unencrypted", check+"=https://…")
	default:
		x.ok(check, "valid; no notification was sent")
	}
}
