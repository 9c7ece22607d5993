#include "row_builder.hpp"

#include <algorithm>
#include <functional>

#include "personal.hpp"
#include "whosent/base/domain_name.hpp"
#include "whosent/base/hash.hpp"
#include "whosent/base/text.hpp"
#include "whosent/export/encode.hpp"

namespace whosent::pipeline {
namespace {

constexpr std::size_t kMemoEntries = 32'768;  // a power of two; a miss costs a look-up in the Public Suffix List, and 4 MB a worker is little

// A token as the row keeps it: the standard's word, or what stood there.
template <class T>
void append_token(std::string& out, const Token<T>& token, const Pseudonyms& pseudonyms) {
    if (token.value)
        out += name_of(*token.value);
    else
        out += kept_text(pseudonyms, token.raw);
}

void append_lower_word(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte != 0x7F) out += to_lower(c);
    }
}

}  // namespace

DomainMemo::DomainMemo() : entries_(kMemoEntries) {}

judge::Domain DomainMemo::look_up(std::string_view wire) {
    if (wire.empty()) return {};
    std::unique_ptr<Entry>& slot = entries_[std::hash<std::string_view>{}(wire) & (kMemoEntries - 1)];
    if (!slot || slot->wire != wire) {
        if (slot) displaced_.push_back(std::move(slot));
        slot = std::make_unique<Entry>();
        slot->wire = wire;
        const std::size_t at = wire.rfind('@');
        std::string_view text = at == std::string_view::npos ? wire : wire.substr(at + 1);
        if (!text.empty() && text.back() == '>') text.remove_suffix(1);
        if (auto name = normalise_domain(text)) {
            slot->name = std::move(*name);
            slot->organizational_size = organizational_domain(slot->name).size();
        } else {
            append_lower_word(slot->name, text);
        }
    }
    const Entry& entry = *slot;
    const std::string_view name = entry.name;
    return {name, name.substr(name.size() - entry.organizational_size)};
}

Key128 stream_key(const StreamView& stream, std::string& buffer) {
    // Every field ends with a newline and holds none, so no two streams have one text
    buffer.clear();
    if (stream.ip) {
        const auto& ip = stream.ip->mapped();
        buffer.append(reinterpret_cast<const char*>(ip.data()), ip.size());
    } else {
        buffer += '-';
    }
    for (const std::string_view part : {stream.header_from, stream.envelope_from, stream.spf_domain, stream.spf_scope, stream.spf_result}) {
        buffer += '\n';
        buffer += part;
    }
    buffer += '\n';
    buffer += name_of(stream.adkim);
    buffer += name_of(stream.aspf);
    // What is judged must not depend on which of its rows came first, and the receiver's word is not in the fields above
    if (!stream.alignment.pass() && stream.alignment.judgement != Judgement::fail) buffer += name_of(stream.alignment.judgement);
    buffer += stream.dkim;
    return key128(buffer);
}

const store::RowView& RowBuilder::build(const AggregateRecord& record, const AggregateReport& report) {
    memo_.next_row();
    row_ = {};
    StreamView& stream = row_.stream;
    const judge::Domain header_from = memo_.look_up(record.header_from);
    const judge::Domain envelope_from = memo_.look_up(record.envelope_from);
    stream.ip = record.source_ip;
    stream.header_from = header_from.name;
    stream.envelope_from = envelope_from.name;
    stream.adkim = report.policy_published.adkim.value.value_or(AlignmentMode::relaxed);
    stream.aspf = report.policy_published.aspf.value.value_or(AlignmentMode::relaxed);
    build_dkim(record);
    build_spf(record);
    build_reasons(record);
    row_.envelope_to = memo_.look_up(record.envelope_to).name;
    build_detail(record);

    judge::Facts facts;
    // a name that is none is aligned with nothing
    if (!header_from.organizational.empty()) facts.header_from = header_from;
    facts.envelope_from = stream.envelope_from;
    facts.dkim = dkim_facts_;
    facts.spf = spf_facts_;
    facts.adkim = stream.adkim;
    facts.aspf = stream.aspf;
    facts.said_forwarded = said_forwarded_;
    facts.said_mailing_list = said_mailing_list_;
    stream.alignment = judge::align(facts);
    stream.key = stream_key(stream, key_);

    if (record.count) row_.count = static_cast<std::int64_t>(*record.count);
    row_.disposition = record.disposition.value;
    row_.evaluated_dkim = record.dkim.value;
    row_.evaluated_spf = record.spf.value;
    dkim_disagrees_ = row_.evaluated_dkim && (*row_.evaluated_dkim == DmarcResult::pass) != stream.alignment.dkim;
    spf_disagrees_ = row_.evaluated_spf && (*row_.evaluated_spf == DmarcResult::pass) != stream.alignment.spf;
    return row_;
}

void RowBuilder::build_dkim(const AggregateRecord& record) {
    dkim_facts_.clear();
    dkim_.clear();
    const std::size_t count = record.dkim_results.size();
    if (dkim_lines_.size() < count) dkim_lines_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        const DkimAuthResult& result = record.dkim_results[i];
        const judge::Domain domain = memo_.look_up(result.domain);
        std::string& line = dkim_lines_[i];
        line.assign(domain.name);
        line += '\t';
        if (result.selector.find('@') == std::string_view::npos)
            append_lower_word(line, result.selector);
        else
            append_lower_word(line, pseudonyms_.text(result.selector));
        line += '\t';
        append_token(line, result.result, pseudonyms_);
        line += '\n';
        if (!domain.organizational.empty()) dkim_facts_.push_back({domain, result.result.value == DkimResult::pass});
    }
    const auto begin = dkim_lines_.begin(), end = begin + static_cast<std::ptrdiff_t>(count);
    if (count > 1) std::sort(begin, end);
    for (auto line = begin; line != end; ++line)
        if (line == begin || *line != *(line - 1)) dkim_ += *line;
    row_.stream.dkim = dkim_;
}

void RowBuilder::build_spf(const AggregateRecord& record) {
    spf_facts_.clear();
    spf_scope_.clear();
    spf_result_.clear();
    chosen_spf_ = 0;
    for (std::size_t i = 0; i < record.spf_results.size(); ++i) {
        const SpfAuthResult& result = record.spf_results[i];
        const judge::Domain domain = memo_.look_up(result.domain);
        const SpfScope scope = result.scope.value.value_or(SpfScope::mfrom);
        if (!domain.organizational.empty()) spf_facts_.push_back({domain, scope, result.result.value == SpfResult::pass});
        // RFC 9990 knows only mfrom: the first of that scope stands for the row, others are kept in its detail
        if (scope == SpfScope::mfrom && record.spf_results[chosen_spf_].scope.value == SpfScope::helo) chosen_spf_ = i;
    }
    if (record.spf_results.empty()) return;
    const SpfAuthResult& chosen = record.spf_results[chosen_spf_];
    row_.stream.spf_domain = memo_.look_up(chosen.domain).name;
    // Receivers differ in what they leave out, not in what they saw: a scope that is not told is mfrom (the only one of RFC 9990), and the
    // MAIL FROM domain that SPF checked is the envelope's. Without this one stream would be two, by who reports it
    if (chosen.scope.present)
        append_token(spf_scope_, chosen.scope, pseudonyms_);
    else
        spf_scope_ = name_of(SpfScope::mfrom);
    if (row_.stream.envelope_from.empty() && spf_scope_ == name_of(SpfScope::mfrom)) row_.stream.envelope_from = row_.stream.spf_domain;
    append_token(spf_result_, chosen.result, pseudonyms_);
    row_.stream.spf_scope = spf_scope_;
    row_.stream.spf_result = spf_result_;
}

void RowBuilder::build_reasons(const AggregateRecord& record) {
    said_forwarded_ = said_mailing_list_ = false;
    reasons_.clear();
    for (const PolicyOverrideReason& reason : record.reasons) {
        said_forwarded_ = said_forwarded_ || reason.type.value == PolicyOverride::forwarded || reason.type.value == PolicyOverride::trusted_forwarder;
        said_mailing_list_ = said_mailing_list_ || reason.type.value == PolicyOverride::mailing_list;
        append_token(reasons_, reason.type, pseudonyms_);
        reasons_ += '\t';
        reasons_ += kept_text(pseudonyms_, reason.comment);
        reasons_ += '\n';
    }
    row_.reasons = reasons_;
}

// What has no column of its own, as a JSON object; empty for nearly every row.
void RowBuilder::build_detail(const AggregateRecord& record) {
    detail_.clear();
    const auto key = [&](std::string_view name) {
        detail_ += detail_.empty() ? '{' : ',';
        encode::append_json_string(detail_, name);
        detail_ += ':';
    };
    const auto text = [&](std::string_view name, std::string_view value) {
        if (value.empty()) return;
        key(name);
        encode::append_json_string(detail_, kept_text(pseudonyms_, value));
    };
    if (!record.source_ip) text("source_ip", record.source_ip_raw);
    if (!record.disposition.value) text("disposition", record.disposition.raw);
    if (!record.dkim.value) text("policy_evaluated_dkim", record.dkim.raw);
    if (!record.spf.value) text("policy_evaluated_spf", record.spf.raw);
    const auto list = [&](std::string_view name, std::size_t count, auto append_item) {
        bool open = false;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t before = detail_.size();
            if (!open) {
                key(name);
                detail_ += '[';
            } else {
                detail_ += ',';
            }
            if (append_item(i))
                open = true;
            else
                detail_.resize(before);
        }
        if (open) detail_ += ']';
    };
    const auto member = [&](std::string_view name, std::string_view value, bool first = false) {
        detail_ += first ? '{' : ',';
        encode::append_json_string(detail_, name);
        detail_ += ':';
        encode::append_json_string(detail_, value);
    };
    list("dkim_human_results", record.dkim_results.size(), [&](std::size_t i) {
        const DkimAuthResult& result = record.dkim_results[i];
        if (result.human_result.empty()) return false;
        member("domain", memo_.look_up(result.domain).name, true);
        member("selector", kept_text(pseudonyms_, result.selector));
        member("human_result", kept_text(pseudonyms_, result.human_result));
        detail_ += '}';
        return true;
    });
    list("spf_results", record.spf_results.size(), [&](std::size_t i) {
        const SpfAuthResult& result = record.spf_results[i];
        if (i == chosen_spf_ && result.human_result.empty()) return false;
        std::string scope, word;
        append_token(scope, result.scope, pseudonyms_);
        append_token(word, result.result, pseudonyms_);
        member("domain", memo_.look_up(result.domain).name, true);
        member("scope", scope);
        member("result", word);
        if (!result.human_result.empty()) member("human_result", kept_text(pseudonyms_, result.human_result));
        detail_ += '}';
        return true;
    });
    list("extensions", record.extensions.size(), [&](std::size_t i) {
        member("path", kept_text(pseudonyms_, record.extensions[i].path), true);
        member("text", kept_text(pseudonyms_, record.extensions[i].text));
        detail_ += '}';
        return true;
    });
    if (!detail_.empty()) detail_ += '}';
    row_.detail = detail_;
}

}  // namespace whosent::pipeline
