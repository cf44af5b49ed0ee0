package recorder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"durablekyc.example/records/log"
)

// announceEvery is the shortest time between two checkpoints that receivers are sent.
const announceEvery = time.Hour

// Checkpoint is the notification records.checkpoint. Its receiver can show later that the log has only grown since.
type Checkpoint struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Log        string `json:"log"`        // its name
		Size       int64  `json:"size"`       // so many leaves it has
		Hash       string `json:"hash"`       // of the tree over them, in base64
		Checkpoint string `json:"checkpoint"` // with its signature, as c2sp.org/tlog-checkpoint
	} `json:"data"`
}

// Announce sends the latest checkpoint if the log has grown since the one that was sent last, an hour ago or more. The
// id is the same for the same checkpoint. One that was not taken, send's error, is sent by a later call. Two recorders
// at the same time may send it twice.
func (r *Recorder) Announce(ctx context.Context, now time.Time, send func(ctx context.Context, id string,
	body []byte) error) error {
	size, at, err := r.Log.Announced(ctx)
	// A time ahead of the clock is one that the clock has jumped back from.
	if since := now.Sub(at); err != nil || since >= 0 && since < announceEvery {
		return err
	}
	signed, err := r.Log.Checkpoint(ctx)
	if err != nil || signed == nil {
		return err
	}
	tree, err := log.VerifyCheckpoint(r.Log.PublicKey(), signed)
	if err != nil || tree.N == size {
		return err
	}
	c := Checkpoint{Type: "records.checkpoint", Timestamp: now.UTC().Truncate(time.Second)}
	c.Data.Log, c.Data.Size, c.Data.Hash, c.Data.Checkpoint = r.Log.Name(), tree.N, tree.Hash.String(), string(signed)
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(slices.Concat([]byte("durablekyc checkpoint v1\x00"), signed))
	if err := send(ctx, "evt_"+hex.EncodeToString(sum[:16]), body); err != nil {
		return fmt.Errorf("the checkpoint of the log was not taken: %w", err)
	}
	return r.Log.SetAnnounced(ctx, tree.N, now)
}
