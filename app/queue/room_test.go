package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A suspect waits until everybody has left, and nobody enters while it waits or is
// there, until it has been alone for long enough; but it does not wait for ever.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		enter := func() (entered chan func()) {
			entered = make(chan func(), 1)
			go func() {
				leave, err := r.enter(t.Context())
				if err != nil {
					t.Error(err)
				}
				entered <- leave
			}()
			synctest.Wait()
			return entered
		}
		first := <-enter()
		if _, err := r.enterAlone(t.Context(), patience); !errors.Is(err, errCrowded) {
			t.Errorf("entered although somebody is there: %v", err)
		}
		alone := make(chan func(), 1)
		go func() {
			leave, err := r.enterAlone(t.Context(), patience)
			if err != nil {
				t.Error(err)
			}
			alone <- leave
		}()
		synctest.Wait()
		second := enter()
		if len(second) != 0 || len(alone) != 0 {
			t.Fatal("entered while a suspect waits")
		}
		first()
		leave := <-alone
		time.Sleep(solitude - time.Nanosecond)
		synctest.Wait()
		if len(second) != 0 {
			t.Fatal("entered while a suspect is there")
		}
		time.Sleep(2 * time.Nanosecond)
		synctest.Wait()
		if len(second) != 1 {
			t.Fatal("nobody enters although a suspect was alone for long enough")
		}
		leave()
		(<-second)()
		last, err := r.enterAlone(t.Context(), patience)
		if err != nil {
			t.Fatal("places were lost")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.enter(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("whoever is to end waits: %v", err)
		}
		last()
	})
}
