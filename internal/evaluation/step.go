package evaluation

import (
	"io"
	"sync"
)

// look processes the logits of both heads at one position. They are valid until it returns. Workers run concurrently,
// each with its own look.
type look func(position int, dense, flash *logits)

// inStep reads the records of both heads in step, and workers look at all positions. Only a few positions are in
// memory. report is called for each position read.
func inStep(h header, dense, flash io.Reader, workers int, newLook func() look, report func(position int)) error {
	type pair struct {
		position     int
		dense, flash []byte
	}
	free, full := make(chan pair, workers+1), make(chan pair, workers+1)
	for range workers + 1 {
		free <- pair{dense: make([]byte, h.recordBytes()), flash: make([]byte, h.recordBytes())}
	}
	failed := make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			work := newLook()
			d, f := logits{values: make([]uint16, h.vocab)}, logits{values: make([]uint16, h.vocab)}
			for p := range full {
				err := d.decode(p.dense)
				if err == nil {
					err = f.decode(p.flash)
				}
				if err != nil {
					failed <- err
					return
				}
				work(p.position, &d, &f)
				free <- p
			}
		})
	}
	err := func() error {
		for position := range h.positions() {
			var p pair
			select {
			case p = <-free:
			case err := <-failed:
				return err
			}
			p.position = position
			if _, err := io.ReadFull(flash, p.flash); err != nil {
				return short(err)
			}
			if _, err := io.ReadFull(dense, p.dense); err != nil {
				return short(err)
			}
			full <- p
			report(position)
		}
		return nil
	}()
	close(full)
	group.Wait()
	if err == nil && len(failed) > 0 {
		err = <-failed
	}
	return err
}
