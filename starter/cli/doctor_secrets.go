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

	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
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
	text, ok := x.value(check, "callback URLs and applicants' links are made with it")
	if !ok {
		return
	}
	keys, err := linktoken.ParseKeys(text)
	if err == nil {
		err = config.CheckStrength(check, text, 0)
	}
	if err != nil {
		x.bad(check, strings.TrimPrefix(oneLine(err), check+": "),
			"starter keys new, and the new one in front of those in use")
		return
	}
	x.keys = keys
	x.ok(check, "they can be used")
}

func (x *doctorRun) checkKeyset(ctx context.Context) {
	const check = "KYC_KEYSET"
	text, ok := x.value(check, "cases and images are encrypted with it")
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
	x.ok(check, "it opens, and opens what it sealed")
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
		err = errors.New("it does not open what it sealed")
	}
	return err
}

// fewCases is of how many of the newest cases what they began with is opened.
const fewCases = 5

// checkCases finds the usual fault of a keyset: it is a good one, and not that of
// the cases.
func (x *doctorRun) checkCases(ctx context.Context) {
	const check = "cases open with KYC_KEYSET"
	switch {
	case x.keyset == nil:
		x.skip(check, "there is no keyset to open them with")
		return
	case !x.named:
		x.skip(check, "there is no namespace to look into")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	found, err := x.temporal.ListWorkflow(ctx,
		&workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowType = '%s'", workflows.Type),
			PageSize: fewCases})
	if err != nil {
		x.bad(check, "Temporal did not list them: "+oneLine(err), "starter doctor, in a moment")
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
			x.bad(check, id+" was started without encryption: no worker carries it",
				"temporal workflow terminate --workflow-id "+id+", and start it with the starter")
			return
		case errors.Is(err, encryption.ErrSealed):
			x.bad(check, id+" was sealed with a keyset that this one does not hold",
				"KYC_KEYSET_FILE=the-file-that-the-worker-reads starter doctor")
			return
		case err != nil:
			x.bad(check, id+" cannot be read: "+oneLine(err), "starter doctor, in a moment")
			return
		}
		opened++
	}
	if opened == 0 {
		x.skip(check, "there is no case yet")
		return
	}
	x.ok(check, fmt.Sprintf("of the newest, %d do", opened))
}

// startInput is what a run of a case was started with, as it is stored.
func (x *doctorRun) startInput(ctx context.Context, e *common.WorkflowExecution) ([]*common.Payload, error) {
	h, err := x.temporal.WorkflowService().GetWorkflowExecutionHistory(ctx,
		&workflowservice.GetWorkflowExecutionHistoryRequest{
			Namespace: x.namespace, Execution: e, MaximumPageSize: 1,
			HistoryEventFilterType: enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT})
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
	at, ok := x.value(check, "it names the bucket that worker, webhook and starter share")
	switch {
	case !ok:
		return
	case strings.HasPrefix(at, "mem:"):
		x.warn(check, "mem:// is memory of one process: no other sees the images in it, and a restart loses them",
			"KYC_DOCUMENTS=file:///var/lib/kyc/documents, or a bucket's URL")
		return
	case x.keyset == nil:
		x.skip(check, "there is no keyset to encrypt with")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	store, err := docstore.Open(ctx, at, *x.keyset)
	if err == nil {
		err = errors.Join(probe(ctx, store), store.Close())
	}
	if err != nil {
		x.bad(check, oneLine(err), "KYC_DOCUMENTS=the-bucket-that-the-worker-has, with the right to list, read, write and "+
			"delete in it")
		return
	}
	x.ok(check, "an image could be written, read and deleted")
}

func probe(ctx context.Context, store *docstore.Store) error {
	owner := "starter-doctor-" + rand.Text()
	image, err := imagecheck.Specimen(owner, string(kyc.Front))
	if err != nil {
		return err
	}
	key, err := store.Put(ctx, owner, bytes.NewReader(image), "")
	if err != nil {
		return fmt.Errorf("no image can be written: %w", err)
	}
	r, err := store.Read(ctx, owner, key)
	if err == nil {
		var back []byte
		back, err = io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err == nil && !bytes.Equal(back, image) {
			err = errors.New("another image came back")
		}
	}
	if err != nil {
		err = fmt.Errorf("an image that was written cannot be read: %w", err)
	}
	if gone := store.DeleteOwner(ctx, owner); gone != nil {
		err = errors.Join(err, fmt.Errorf("an image that was written cannot be deleted: %w", gone))
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
		x.ok(check, "it is not set: documents within 30 days, a case within 90")
	default:
		x.ok(check, "it can be used")
	}
}

// checkNotify sends nothing: a receiver may act on what it gets.
func (x *doctorRun) checkNotify(context.Context) {
	if text, ok := x.value("KYC_NOTIFY_SECRET", "events are signed with it, and the worker does not start without"); ok {
		_, err := delivery.ParseSecrets(text)
		if err = cmp.Or(err, config.CheckStrength("KYC_NOTIFY_SECRET", text, 0)); err != nil {
			x.bad("KYC_NOTIFY_SECRET", strings.TrimPrefix(oneLine(err), "KYC_NOTIFY_SECRET: "),
				"starter keys new, and the new one in front of those in use")
		} else {
			x.ok("KYC_NOTIFY_SECRET", "it can be used")
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
		x.skip(check, "it is not set: nobody hears of all cases")
	case private != "true" && (local(u.Hostname()) || u.Port() != "" && u.Port() != "80" && u.Port() != "443"):
		x.bad(check, "it is on a private network or a port of its own, where no event is sent",
			"KYC_NOTIFY_ALLOW_PRIVATE=true for the worker, if the receiver is yours")
	case u.Scheme != "https" && !local(u.Hostname()):
		x.warn(check, "events, with links of applicants in them, would travel in clear", check+"=https://…")
	default:
		x.ok(check, "events can go there; none was sent")
	}
}
