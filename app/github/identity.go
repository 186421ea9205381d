package github

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
)

// asApp returns a transport that signs requests as the App itself.
func (a *App) asApp() *ghinstallation.AppsTransport {
	t, err := ghinstallation.NewAppsTransportWithOptions(signed{a}, a.id, ghinstallation.WithSigner(signer{a}))
	if err != nil {
		panic(err) // only without a signer
	}
	t.Client = &http.Client{Transport: signed{a}}
	t.BaseURL = strings.TrimSuffix(a.api.String(), "/")
	return t
}

// signer signs what the library claims, by GitHub's clock.
type signer struct{ app *App }

// Sign implements [ghinstallation.Signer].
func (s signer) Sign(claims jwt.Claims) (string, error) {
	if registered, ok := claims.(*jwt.RegisteredClaims); ok {
		skew := time.Duration(s.app.skew.Load())
		registered.IssuedAt = jwt.NewNumericDate(registered.IssuedAt.Add(skew))
		registered.ExpiresAt = jwt.NewNumericDate(registered.ExpiresAt.Add(skew))
	}
	return signClaims(s.app.key, claims)
}

func signClaims(key *rsa.PrivateKey, claims jwt.Claims) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
}

// signed carries requests that are signed as the App, and others. One that GitHub
// refuses (401) while its clock is another than ours is signed once more by GitHub's
// clock, which is remembered.
type signed struct{ app *App }

// RoundTrip implements [http.RoundTripper].
func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.app.base.RoundTrip(r)
	if err != nil || response.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		return response, err
	}
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return response, nil
	}
	skew := theirs.Sub(s.app.now()).Round(time.Second)
	if known := time.Duration(s.app.skew.Load()); (skew - known).Abs() <= tolerance {
		return response, nil
	}
	again, ok := repeat(r)
	if !ok {
		return response, nil
	}
	s.app.skew.Store(int64(skew))
	issued := s.app.now().Add(skew - 30*time.Second).Truncate(time.Second)
	token, err := signClaims(s.app.key, &jwt.RegisteredClaims{
		IssuedAt: jwt.NewNumericDate(issued), ExpiresAt: jwt.NewNumericDate(issued.Add(2 * time.Minute)), Issuer: strconv.FormatInt(s.app.id, 10),
	})
	if err != nil {
		return response, nil
	}
	drain(response)
	again.Header.Set("Authorization", "Bearer "+token)
	return s.app.base.RoundTrip(again)
}

// repeat returns a request to be sent once more; false where its body cannot be.
func repeat(r *http.Request) (*http.Request, bool) {
	again := r.Clone(r.Context())
	if r.Body == nil || r.Body == http.NoBody {
		return again, true
	}
	if r.GetBody == nil {
		return nil, false
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, false
	}
	again.Body = body
	return again, true
}

// following sends a write to where a repository that was renamed or transferred is
// now. The client follows reads by itself, but would make a read of a write.
type following struct {
	next http.RoundTripper
	api  *url.URL // nobody else is sent the token
}

// RoundTrip implements [http.RoundTripper].
func (f following) RoundTrip(r *http.Request) (*http.Response, error) {
	for range 3 {
		response, err := f.next.RoundTrip(r)
		if err != nil || r.Method == http.MethodGet {
			return response, err
		}
		switch response.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return response, nil
		}
		there, err := r.URL.Parse(response.Header.Get("Location"))
		drain(response)
		if err != nil || there.Host != f.api.Host || there.Scheme != f.api.Scheme {
			return nil, fmt.Errorf("refused a redirect of a write")
		}
		again, ok := repeat(r)
		if !ok {
			return nil, fmt.Errorf("cannot repeat a write that is redirected")
		}
		again.URL = there
		r = again
	}
	return nil, fmt.Errorf("too many redirects of a write")
}
