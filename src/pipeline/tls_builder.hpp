// A TLS report as the parser read it -> what the store keeps of it.
#pragma once

#include "whosent/base/pseudonym.hpp"
#include "whosent/model/payload.hpp"
#include "whosent/model/raw_message.hpp"
#include "whosent/parse/tlsrpt.hpp"
#include "whosent/store/store.hpp"

namespace whosent::pipeline {

// `now` where nothing tells a time. Pure, thread safe.
[[nodiscard]] store::TlsWrite build_tls(parse::ParsedTls parsed, const RawMessage& message, Seconds now, const Pseudonyms& pseudonyms);

}  // namespace whosent::pipeline
