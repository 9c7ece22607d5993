#include "convert.hpp"
#include "convert_walk.hpp"

namespace whosent::parse {

void Converter::record(AggregateRecord& record) {
    record_ = &record;
    record.source_ip.reset();
    record.source_ip_raw = {};
    record.count.reset();
    record.disposition = {};
    record.dkim = {};
    record.spf = {};
    record.reasons.clear();
    record.header_from = record.envelope_from = record.envelope_to = {};
    record.dkim_results.clear();
    record.spf_results.clear();
    record.extensions.clear();
    if (is_plain_) {
        convert_record(PlainElement(plain_.root()), record);
    } else {
        convert_record(XmlNode(document_.first_child()), record);
    }
}

template <class Node>
void Converter::convert_record(Node root, AggregateRecord& record) {
    bool auth_results = false;
    each(root, Field::record, [&](const char* name, Node child) {
        switch (name[0]) {
            case 'r':
                if (!is(name, "row")) return false;
                row(child, record);
                return true;
            case 'i':
                if (is(name, "identifiers")) return identifiers(child, record), true;
                if (is(name, "identities") && reading_.mend(Repair::identities, Code::identities, Field::identifiers, {})) {
                    return identifiers(child, record), true;
                }
                return false;
            case 'a':
                if (!is(name, "auth_results")) return false;
                auth_results = true;
                each(child, Field::auth_results, [&](const char* method, Node result) {
                    if (is(method, "dkim")) return dkim_result(result, record), true;
                    if (is(method, "spf")) return spf_result(result, record), true;
                    return false;
                });
                return true;
            default: return false;
        }
    });
    if (!record.source_ip && record.source_ip_raw.empty()) notes_.add(Code::missing_required, Field::source_ip);
    if (record.header_from.empty()) notes_.add(Code::missing_required, Field::header_from);
    if (!record.disposition.present) notes_.add(Code::missing, Field::disposition);
    if (!record.dkim.present) notes_.add(Code::missing, Field::evaluated_dkim);
    if (!record.spf.present) notes_.add(Code::missing, Field::evaluated_spf);
    if (!auth_results) notes_.add(Code::missing, Field::auth_results);
}

template <class Node>
void Converter::row(Node node, AggregateRecord& record) {
    bool count_seen = false;
    each(node, Field::row, [&](const char* name, Node child) {
        switch (name[0]) {
            case 's': {
                if (!is(name, "source_ip")) return false;
                const std::string_view value = text(child, Field::source_ip);
                if (record.source_ip || !record.source_ip_raw.empty()) {
                    notes_.add(Code::duplicate, Field::source_ip, value);
                } else if (!value.empty()) {
                    record.source_ip = read_source_ip(value, reading_);
                    if (!record.source_ip) record.source_ip_raw = value;
                }
                return true;
            }
            case 'c': {
                if (!is(name, "count")) return false;
                const std::string_view value = text(child, Field::count);
                if (count_seen) {
                    notes_.add(Code::duplicate, Field::count, value);
                } else {
                    count_seen = true;
                    record.count = read_count(value, reading_);
                }
                return true;
            }
            case 'p':
                if (!is(name, "policy_evaluated")) return false;
                policy_evaluated(child, record);
                return true;
            default: return false;
        }
    });
    if (!count_seen) notes_.add(Code::missing_required, Field::count);
}

template <class Node>
void Converter::policy_evaluated(Node node, AggregateRecord& record) {
    each(node, Field::policy_evaluated, [&](const char* name, Node child) {
        switch (name[0]) {
            case 'd':
                if (is(name, "disposition")) return word(record.disposition, child, kDispositions, Field::disposition), true;
                if (is(name, "dkim")) return word(record.dkim, child, kDmarcResults, Field::evaluated_dkim), true;
                return false;
            case 's':
                if (is(name, "spf")) return word(record.spf, child, kDmarcResults, Field::evaluated_spf), true;
                return false;
            case 'r': {
                if (!is(name, "reason")) return false;
                PolicyOverrideReason reason;
                each(child, Field::reason, [&](const char* part, Node value) {
                    if (is(part, "type")) return word(reason.type, value, kPolicyOverrides, Field::reason_type), true;
                    if (is(part, "comment")) return text(reason.comment, value, Field::reason_comment), true;
                    return false;
                });
                if (reason.type.present || !reason.comment.empty()) record.reasons.push_back(reason);
                return true;
            }
            default: return false;
        }
    });
}

template <class Node>
void Converter::identifiers(Node node, AggregateRecord& record) {
    each(node, Field::identifiers, [&](const char* name, Node child) {
        if (is(name, "header_from")) return text(record.header_from, child, Field::header_from), true;
        if (is(name, "envelope_from")) return text(record.envelope_from, child, Field::envelope_from), true;
        if (is(name, "envelope_to")) return text(record.envelope_to, child, Field::envelope_to), true;
        return false;
    });
}

template <class Node>
void Converter::dkim_result(Node node, AggregateRecord& record) {
    // RFC 9990 section 3.1.3: at most 100 signatures are reported.
    if (record.dkim_results.size() >= limits_.dkim_results) {
        notes_.add(Code::dkim_limit, Field::dkim);
        return;
    }
    DkimAuthResult& result = record.dkim_results.emplace_back();
    each(node, Field::dkim, [&](const char* name, Node child) {
        switch (name[0]) {
            case 'd':
                if (is(name, "domain")) return text(result.domain, child, Field::dkim_domain), true;
                return false;
            case 's':
                if (is(name, "selector")) return text(result.selector, child, Field::dkim_selector), true;
                return false;
            case 'r':
                if (is(name, "result")) return word(result.result, child, kDkimResults, Field::dkim_result), true;
                return false;
            case 'h':
                if (is(name, "human_result")) return text(result.human_result, child, Field::dkim_human_result), true;
                return false;
            default: return false;
        }
    });
    if (result.domain.empty()) notes_.add(Code::missing, Field::dkim_domain);
    if (result.selector.empty()) notes_.add(Code::missing, Field::dkim_selector);
    if (!result.result.present) notes_.add(Code::missing, Field::dkim_result);
}

template <class Node>
void Converter::spf_result(Node node, AggregateRecord& record) {
    SpfAuthResult& result = record.spf_results.emplace_back();
    each(node, Field::spf, [&](const char* name, Node child) {
        if (is(name, "domain")) return text(result.domain, child, Field::spf_domain), true;
        if (is(name, "result")) return word(result.result, child, kSpfResults, Field::spf_result), true;
        if (is(name, "scope")) return word(result.scope, child, kSpfScopes, Field::spf_scope), true;
        if (is(name, "human_result")) return text(result.human_result, child, Field::spf_human_result), true;
        return false;
    });
    if (result.domain.empty()) notes_.add(Code::missing, Field::spf_domain);
    if (!result.result.present) notes_.add(Code::missing, Field::spf_result);
}

}  // namespace whosent::parse
