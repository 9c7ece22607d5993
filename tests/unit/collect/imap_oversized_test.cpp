#include "collect/imap/oversized.hpp"

#include <string>

#include "catch.hpp"
#include "pipeline/message_reader.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/pseudonym.hpp"

using namespace whosent;
using namespace whosent::collect::imap;

TEST_CASE("a message over the limit is quarantined for its size, and known again") {
    Limits limits;
    limits.message_bytes = 1 * kMiB;
    Provenance provenance;
    provenance.remote_key = "17/4";
    const SystemClock clock;
    const auto pseudonyms = Pseudonyms::create(PrivacyMode::drop, {});
    REQUIRE(pseudonyms);
    pipeline::MessageReader reader(limits, clock, *pseudonyms);
    const std::string head = "From: a@example.net\r\nSubject: large\r\n\r\n<?xml version=\"1.0\"?><feedback>";
    for (const std::string& begin : {std::string(), head, std::string("<?xml version=\"1.0\"?><feedback>"), std::string(100'000, 'x')}) {
        for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{3 * kMiB}, std::uint64_t{1} << 62}) {
            INFO(begin.substr(0, 20) << " " << size);
            const auto message = oversized_message(begin, size, limits, provenance);
            REQUIRE(message);
            CHECK(message->bytes.size() > limits.message_bytes);
            CHECK(message->bytes.size() <= kGiB);
            if (size > kGiB) continue;  // hashing it takes a second
            const Sha256Digest digest = sha256(message->bytes);
            CHECK(digest == sha256(oversized_message(begin, size, limits, provenance)->bytes));
            CHECK(digest != sha256(oversized_message(begin + "y", size + 1, limits, provenance)->bytes));
            const auto read = reader.read(*message, digest);
            REQUIRE(read.write.quarantine);
            CHECK(read.write.quarantine->code == ErrorCode::limit);
            CHECK(read.write.quarantine->raw_gzip.empty());
            CHECK_FALSE(read.not_a_report);
        }
    }
}
