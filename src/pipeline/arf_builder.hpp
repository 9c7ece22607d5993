// A failure or feedback report as the parser read it -> what the store keeps of it: the privacy rules applied, domains normalised, and
// the stream of the message that it is about, so that it joins the history of its source.
#pragma once

#include "whosent/base/pseudonym.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/parse/arf.hpp"
#include "whosent/store/store.hpp"

namespace whosent::pipeline {

// `ordinal`: of the report in its message. `now` where nothing tells a time. Pure, thread safe.
[[nodiscard]] store::ArfWrite build_arf(parse::ParsedArf parsed, const RawMessage& message, const Sha256Digest& sha256, std::size_t ordinal, Seconds now,
                                        const Pseudonyms& pseudonyms);

}  // namespace whosent::pipeline
