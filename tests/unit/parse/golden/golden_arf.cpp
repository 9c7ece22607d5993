// golden_arf [--update] [FOLDER]: compares the golden cases of the reader of failure and feedback reports, or writes them (golden.hpp). A case is
// a mail, or the JSON of Amazon SES; it goes through the unpacker, as it does in earnest.
#include "golden.hpp"

#include "../render_arf.hpp"
#include "whosent/unpack/unpack.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

std::string read_all(ByteSource& source) {
    std::string bytes;
    while (true) {
        const auto chunk = source.next();
        if (!chunk) return bytes;
        bytes.append(chunk->bytes.data(), chunk->bytes.size());
        if (chunk->last) return bytes;
    }
}

Rendered read_case(const std::string& input, const ArfRepairSet& switched_off) {
    const Limits limits;
    unpack::Unpacker unpacker(limits);
    Rendered rendered;
    Rendered refused = render_arf(std::unexpected(Error{.code = ErrorCode::not_a_report, .message = "nothing was offered"}));
    const auto keep = [&](const Result<ParsedArf>& result) {
        const Rendered one = render_arf(result);
        if (!result) {
            refused = one;
            return unpack::Taken::no;
        }
        rendered.json += one.json;
        rendered.diagnostics += one.diagnostics;
        return unpack::Taken::yes;
    };
    const auto on_document = [&](const Payload& payload, ByteSource& source) {
        return payload.kind == PayloadKind::json ? keep(read_ses_complaint(read_all(source), limits, switched_off)) : unpack::Taken::no;
    };
    const auto on_mail = [&](const Payload&, const MailParts& mail) { return keep(read_arf(mail, limits, switched_off)); };
    RawMessage message;
    message.bytes = input;
    (void)unpacker.unpack(message, on_document, on_mail);
    return rendered.json.empty() ? refused : rendered;
}

}  // namespace

int main(int argc, char** argv) {
    const auto read = [](const std::string& input, const ArfRepairSet& switched_off) { return read_case(input, switched_off); };
    return golden::Cases<ArfRepair, ArfRepairSet>("input", kArfRepairs, read).run(argc, argv, "tests/golden/arf");
}
