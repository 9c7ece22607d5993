// MessageReader: one message through unpack, parse and judge, to what the store is to write. One thread at a time.
#pragma once

#include <optional>
#include <string>

#include "row_builder.hpp"
#include "whosent/base/limits.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/raw_message.hpp"
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
    MessageReader(const Limits& limits, const Clock& clock);

    // `sha256` of the message's bytes.
    [[nodiscard]] ReadMessage read(const RawMessage& message, const Sha256Digest& sha256);

private:
    struct Reading;  // what one message has given so far

    void read_payload(Reading& reading, const Payload& payload, ByteSource& source, const AggregateReport* known);
    void finish_report(Reading& reading, store::ReportWrite& report, const Payload& payload);

    Limits limits_;
    const Clock& clock_;
    unpack::Unpacker unpacker_;
    parse::AggregateReader reader_;
    RowBuilder rows_;
};

}  // namespace whosent::pipeline
