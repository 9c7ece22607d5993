// MessageReader: one message through unpack, parse and judge, to what the store is to write. One thread at a time.
#pragma once

#include <optional>
#include <string>

#include "row_builder.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/pseudonym.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/parse/arf.hpp"
#include "whosent/parse/dmarc.hpp"
#include "whosent/store/store.hpp"
#include "whosent/unpack/unpack.hpp"

namespace whosent::pipeline {

struct ReadMessage {
    store::MessageWrite write;
    bool not_a_report = false;  // no mark of one: counted, and stored as seen only
    std::uint64_t bytes_unpacked = 0;
    std::uint64_t diagnostics = 0;
    std::optional<Error> failed;  // to be tried again: nothing may be stored of it
};

class MessageReader {
public:
    // `clock` and `pseudonyms` outlive the reader.
    MessageReader(const Limits& limits, const Clock& clock, const Pseudonyms& pseudonyms);

    // `sha256` of the message's bytes.
    [[nodiscard]] ReadMessage read(const RawMessage& message, const Sha256Digest& sha256);

private:
    struct Reading;  // what one message has given so far

    [[nodiscard]] unpack::Taken read_document(Reading& reading, const Payload& payload, ByteSource& source);
    // A TLS report or a complaint of Amazon SES. `rest`: nothing when `head` is all. False: it is neither.
    [[nodiscard]] bool read_json(Reading& reading, const Payload& payload, const std::string& head, ByteSource* rest);
    [[nodiscard]] unpack::Taken read_mail(Reading& reading, const Payload& payload, const MailParts& mail);
    void add_arf(Reading& reading, parse::ParsedArf parsed, const Payload& payload);
    void read_aggregate(Reading& reading, const Payload& payload, ByteSource& source, const AggregateReport* known);
    void finish_report(Reading& reading, store::ReportWrite& report, const Payload& payload);
    void not_read(Reading& reading, const Payload& payload, Error error);
    [[nodiscard]] std::vector<std::string> kept_containers(const Payload& payload) const;
    template <class Write>
    void keep_payload(Write& write, const Payload& payload, bool names_person) const;
    void hide_persons(store::MessageWrite& write) const;

    Limits limits_;
    const Clock& clock_;
    const Pseudonyms& pseudonyms_;
    unpack::Unpacker unpacker_;
    parse::AggregateReader reader_;
    RowBuilder rows_;
};

}  // namespace whosent::pipeline
