#include "pipeline/personal.hpp"

#include "catch.hpp"

using namespace whosent;
using namespace whosent::pipeline;

TEST_CASE("of a reporter's contact the roles stay, and nobody's name") {
    const Pseudonyms dropping = *Pseudonyms::create(PrivacyMode::drop, {});
    struct Row {
        const char* contact;
        const char* kept;
    };
    for (const Row& row : {
             Row{"John Doe", "John Doe"},  // nothing says that it is no team
             Row{"john.doe@receiver.example", "…@receiver.example"},
             Row{"John Doe <john.doe@receiver.example>", "…@receiver.example"},
             Row{"\"Doe, John\" <john.doe@receiver.example>, dmarc@receiver.example", "…@receiver.example, dmarc@receiver.example"},
             Row{"john.doe@receiver.example (John Doe)", "…@receiver.example"},
             Row{"dmarc-report.jane@receiver.example", "dmarc-report.jane@receiver.example"},
             Row{"mailto:noreply-dmarc-support@google.com", "noreply-dmarc-support@google.com"},
             Row{"https://receiver.example/contact", "https://receiver.example/contact"},
             Row{"", ""},
         }) {
        CAPTURE(row.contact);
        CHECK(kept_contact(dropping, row.contact) == row.kept);
    }
    const Pseudonyms full = *Pseudonyms::create(PrivacyMode::full, {});
    CHECK(kept_contact(full, "John Doe <john.doe@receiver.example>") == "John Doe <john.doe@receiver.example>");
}

TEST_CASE("the domain of an address") {
    CHECK(domain_part("") == "");
    CHECK(domain_part("jane@Example.org>") == "Example.org");
    CHECK(domain_part(" example.org. ") == "example.org");
    CHECK(domain_part("\"a@b\"@example.org") == "example.org");
}
