package linktoken_test

import (
	"errors"
	"fmt"
	"time"

	"durablekyc.example/internal/linktoken"
)

// A link is a ticket in an address. It names the case, ends by itself, and is
// good for its purpose alone.
func ExampleKeys_Redeem() {
	keys, err := linktoken.ParseKeys("0123456789abcdef0123456789abcdef") // KYC_LINK_KEYS, newest first
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	text := keys.Issue(linktoken.Link, linktoken.Ticket{Subject: "A1", Epoch: 2, Expires: now.Add(24 * time.Hour)})

	ticket, err := keys.Redeem(linktoken.Link, text, now)
	fmt.Println(ticket.Subject, ticket.Epoch, err)

	_, err = keys.Redeem(linktoken.Session, text, now) // a link opens no session
	fmt.Println(errors.Is(err, linktoken.ErrForged), err)

	ticket, err = keys.Redeem(linktoken.Link, text, now.Add(25*time.Hour)) // the case may be named to who is late
	fmt.Println(ticket.Subject, errors.Is(err, linktoken.ErrExpired), err)

	_, err = linktoken.ParseKeys("secret")
	fmt.Println(err)
	// Output:
	// A1 2 <nil>
	// true the ticket is not signed with these keys
	// A1 true the ticket has expired
	// key 1 has 6 characters and needs at least 32
}

// The address that an applicant is given ends with a link.
func ExampleKeys_Address() {
	keys, err := linktoken.ParseKeys("0123456789abcdef0123456789abcdef")
	if err != nil {
		fmt.Println(err)
		return
	}
	expires := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	fmt.Println(keys.Address("https://verify.example.com/", linktoken.Ticket{Subject: "A1", Expires: expires}))
	// Output:
	// https://verify.example.com/verify/link/AZDGms0GAEExAADJpdSW6eVZdzWPMms10X8a
}
