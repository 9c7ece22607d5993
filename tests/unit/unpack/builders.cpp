#include "builders.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace whosent::unpack::test {
namespace {

std::string compress(std::string_view bytes, int window) {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("deflateInit2");
    std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (::deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string little(std::uint32_t value, int bytes) {
    std::string out;
    for (; bytes != 0; --bytes, value >>= 8) out += static_cast<char>(value & 0xff);
    return out;
}

bool is_report(std::string_view bytes) {
    std::string text;
    std::ranges::copy_if(bytes, std::back_inserter(text), [](char c) { return c != '\0'; });  // UTF-16
    return text.find("</record>") != std::string::npos || text.find("</report_metadata>") != std::string::npos ||
           text.find("\"organization-name\":\"Mail Example\",") != std::string::npos;
}

bool is_report(const MailParts& mail) {
    const auto has = [](std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; };
    return has(mail.feedback, "Feedback-Type: abuse\r\n") || (has(mail.header, "complaint about message from") && has(mail.original, "X-HmXmr"));
}

}  // namespace

std::string gzip(std::string_view bytes) { return compress(bytes, 15 + 16); }
std::string zlib_stream(std::string_view bytes) { return compress(bytes, 15); }
std::string deflate(std::string_view bytes) { return compress(bytes, -15); }

std::string base64(std::string_view bytes) {
    static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0, column = 0; i < bytes.size(); i += 3) {
        std::uint32_t quad = 0;
        for (std::size_t j = 0; j < 3; ++j)
            quad = quad << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j) out += i + j > bytes.size() ? '=' : kLetters[quad >> (18 - 6 * j) & 63];
        if ((column += 4) == 76) {
            out += "\r\n";
            column = 0;
        }
    }
    return out;
}

std::string quoted_printable(std::string_view bytes) {
    std::string out;
    std::size_t column = 0;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        const std::string piece = byte < 0x20 || byte > 0x7e || c == '=' ? fmt::format("={:02X}", byte) : std::string(1, c);
        if (column + piece.size() > 75) {
            out += "=\r\n";
            column = 0;
        }
        out += piece;
        column += piece.size();
    }
    return out;
}

std::string utf16_le(std::string_view ascii) {
    std::string out;
    for (const char c : ascii) out += {c, '\0'};
    return out;
}

std::string zip(const std::vector<ZipMember>& members, const ZipOptions& options) {
    std::string out, directory;
    for (const auto& member : members) {
        const std::string data = member.stored ? member.bytes : deflate(member.bytes);
        const auto crc = member.crc.value_or(static_cast<std::uint32_t>(
            crc32(0, reinterpret_cast<const Bytef*>(member.bytes.data()), static_cast<uInt>(member.bytes.size()))));
        const auto size = member.size.value_or(static_cast<std::uint32_t>(member.bytes.size()));
        const auto packed = static_cast<std::uint32_t>(data.size());
        const std::uint32_t flags = member.flags | (member.descriptor ? 8U : 0U);
        const std::string common =
            little(20, 2) + little(flags, 2) + little(member.method.value_or(member.stored ? 0 : 8), 2) + little(0, 4);
        const std::string sizes = little(crc, 4) + little(packed, 4) + little(size, 4);
        const std::string name_size = little(static_cast<std::uint32_t>(member.name.size()), 2);
        directory += "PK\1\2" + little(20, 2) + common + sizes + name_size + little(0, 12) +
                     little(static_cast<std::uint32_t>(out.size()) + options.offset, 4) + member.name;
        out += "PK\3\4" + common + (member.descriptor ? std::string(12, '\0') : sizes) + name_size + little(0, 2) + member.name +
               data;
        if (member.descriptor) out += "PK\7\10" + sizes;
    }
    if (!options.directory) return out;
    const auto count = little(static_cast<std::uint32_t>(members.size()), 2);
    return out + directory + "PK\5\6" + little(0, 4) + count + count + little(static_cast<std::uint32_t>(directory.size()), 4) +
           little(static_cast<std::uint32_t>(out.size()) + options.offset, 4) + little(0, 2);
}

std::string report(std::size_t records, std::string_view domain) {
    std::string out = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<feedback>\n  <report_metadata>\n    <org_name>Mail Example</org_name>\n   "
        " <email>reports@mail.example</email>\n"
        "    <report_id>1.2</report_id>\n    <date_range><begin>1700000000</begin><end>1700086399</end></date_range>\n  "
        "</report_metadata>\n"
        "  <policy_published>\n    <domain>{}</domain>\n    <p>none</p>\n  </policy_published>\n",
        domain);
    for (std::size_t i = 0; i < records; ++i) {
        out += fmt::format(
            "  <record>\n    <row>\n      <source_ip>192.0.2.{}</source_ip>\n      <count>{}</count>\n      "
            "<policy_evaluated><disposition>none</disposition>"
            "<dkim>pass</dkim><spf>fail</spf></policy_evaluated>\n    </row>\n    "
            "<identifiers><header_from>{}</header_from></identifiers>\n"
            "    <auth_results><spf><domain>bounce.{}</domain><result>pass</result></spf></auth_results>\n  </record>\n",
            i % 256, i * 7919 % 1000, domain, domain);
    }
    return out + "</feedback>\n";
}

std::string tls_report() {
    return R"({"organization-name":"Mail Example","date-range":{"start-datetime":"2023-11-14T00:00:00Z","end-datetime":"2023-11-14T23:59:59Z"},)"
           R"("contact-info":"tls@mail.example","report-id":"5065427c","policies":[{"policy":{"policy-type":"sts","policy-string":["version: STSv1"],)"
           R"("policy-domain":"example.org","mx-host":["mx.example.org"]},)"
           R"("summary":{"total-successful-session-count":5326,"total-failure-session-count":0}}]})";
}

std::string complaint(std::string_view original, std::string_view fields) {
    return multipart({{"Content-Type: text/plain; charset=us-ascii", "This is an email abuse report."},
                      {"Content-Type: message/feedback-report", std::string(fields)},
                      {"Content-Type: message/rfc822", std::string(original)}},
                     "report; report-type=feedback-report");
}

std::string noise(std::size_t bytes, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string out;
    while (out.size() < bytes) out += static_cast<char>('!' + random() % 90);
    return out;
}

std::string multipart(const std::vector<Attachment>& parts, std::string_view subtype, std::string_view boundary) {
    std::string out = fmt::format(
        "MIME-Version: 1.0\r\nContent-Type: multipart/{}; boundary=\"{}\"\r\n\r\nThis is a multi-part message in MIME "
        "format.\r\n",
        subtype, boundary);
    for (const auto& part : parts) out += fmt::format("\r\n--{}\r\n{}\r\n\r\n{}", boundary, part.header, part.body);
    return out + fmt::format("\r\n--{}--\r\n", boundary);
}

Attachment attached(std::string_view type, std::string_view name, std::string_view bytes) {
    return {fmt::format("Content-Type: {}; name=\"{}\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; "
                        "filename=\"{}\"",
                        type, name, name),
            base64(bytes)};
}

Attachment human_text() {
    return {"Content-Type: text/plain; charset=us-ascii", "This is an aggregate report from Mail Example."};
}

std::string mail(std::string_view subject, std::string_view entity) {
    return fmt::format(
        "Return-Path: <noreply@mail.example>\r\nReceived: from mx.mail.example (mx.mail.example [192.0.2.1])\r\n\tby "
        "mx.example.org with ESMTPS id 1234;\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n"
        "From: noreply@mail.example\r\nTo: reports@example.org\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: "
        "<1@mail.example>\r\nSubject: {}\r\n{}",
        subject, entity);
}

bool Seen::has_diagnostic(std::string_view code) const {
    return std::ranges::any_of(result.diagnostics, [&](const Diagnostic& diagnostic) { return diagnostic.code == code; });
}

bool Seen::has_failure(ErrorCode code) const {
    return std::ranges::any_of(result.failures, [&](const Error& error) { return error.code == code; });
}

Seen open_up(std::string_view input, std::string_view name, const Limits& limits) {
    Seen seen;
    RawMessage message;
    message.bytes = input;
    message.provenance.name = name;
    Unpacker unpacker(limits);
    const auto read = [&](const Payload& payload, ByteSource& source) {
        Got got{payload.kind, payload.containers, payload.name, {}, {}, 0, {}, false};
        while (!got.last) {
            const auto chunk = source.next();
            if (!chunk) {
                got.error = chunk.error();
                break;
            }
            ++got.chunks;
            got.bytes.append(chunk->bytes.data(), chunk->bytes.size());
            std::ranges::fill(chunk->bytes, '\0');
            got.last = chunk->last;
        }
        got.packed = payload.packed;
        const bool taken = is_report(got.bytes);
        seen.taken |= taken;
        seen.payloads.push_back(std::move(got));
        return taken ? Taken::yes : Taken::no;
    };
    const auto read_mail = [&](const Payload& payload, const MailParts& parts) {
        const bool taken = is_report(parts);
        seen.taken |= taken;
        seen.mails.push_back({payload.containers, std::string(payload.packed), std::string(parts.header), std::string(parts.text),
                              std::string(parts.feedback), std::string(parts.original), taken});
        return taken ? Taken::yes : Taken::no;
    };
    seen.result = unpacker.unpack(message, read, read_mail);
    return seen;
}

}  // namespace whosent::unpack::test
