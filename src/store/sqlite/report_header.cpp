#include "store/sqlite/report_header.hpp"

#include <string>

namespace whosent::store::sqlite {
namespace {

enum TextKind : int { kErrorText = 0, kExtensionText = 1 };

template <class Value>
std::optional<std::string_view> raw_of(const Token<Value, std::string>& token) {
    return token.present ? std::optional<std::string_view>(token.raw) : std::nullopt;
}

std::string lines(const std::vector<std::string>& texts) {
    std::string joined;
    for (const std::string& text : texts) {
        if (!joined.empty()) joined += '\n';
        joined += text;
    }
    return joined;
}

std::vector<std::string> split_lines(std::string_view joined) {
    std::vector<std::string> texts;
    while (!joined.empty()) {
        const std::size_t end = joined.find('\n');
        texts.emplace_back(joined.substr(0, end));
        joined.remove_prefix(end == std::string_view::npos ? joined.size() : end + 1);
    }
    return texts;
}

// Reads the columns of one row from left to right.
class ColumnReader {
public:
    explicit ColumnReader(const Statement& row) : row_(row) {}
    std::string text() { return std::string(row_.text(column_++)); }
    std::int64_t integer() { return row_.integer(column_++); }
    std::optional<std::int64_t> optional() { return row_.optional_integer(column_++); }
    template <class Value>
    void token(Token<Value, std::string>& token) {
        if (const auto number = optional()) token.value = static_cast<Value>(*number);
        token.present = !row_.is_null(column_);
        token.raw = text();
    }

private:
    const Statement& row_;
    int column_ = 0;
};

Result<void> read_texts(Database& database, std::int64_t id, AggregateReport& report) {
    Statement& query =
        *WHOSENT_TRY(database.statement("SELECT kind, path, text FROM report_text WHERE report = ? ORDER BY kind, position"));
    const ResetGuard guard(query);
    query.bind(id);
    while (WHOSENT_TRY(query.step())) {
        if (query.integer(0) == kErrorText) {
            report.error.emplace_back(query.text(2));
        } else {
            report.extensions.push_back({std::string(query.text(1)), std::string(query.text(2))});
        }
    }
    return {};
}

Result<void> take_diagnostics(Statement& query, std::vector<Diagnostic>& diagnostics) {
    while (WHOSENT_TRY(query.step())) {
        Diagnostic& diagnostic = diagnostics.emplace_back();
        diagnostic.severity = static_cast<Severity>(query.integer(0));
        diagnostic.code = query.text(1);
        diagnostic.where = query.text(2);
        diagnostic.message = query.text(3);
        if (const auto row = query.optional_integer(4)) diagnostic.row = static_cast<std::uint64_t>(*row);
    }
    return {};
}

}  // namespace

Result<void> insert_report(Database& database, Names& names, const ReportWrite& write, const ReportPlace& place) {
    const AggregateReport& report = write.report;
    const PolicyPublished& policy = report.policy_published;
    WHOSENT_CHECK(database.run(
        "INSERT INTO report VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        place.id, place.first_sequence, place.rows, place.counts, place.domain, place.day, write.window_begin, write.window_end,
        place.org, place.messages, place.pass, place.message, place.stored, write.authenticity, write.complete,
        place.superseded_by, blob(write.identity), blob(write.rows.canonical_hash()), write.diagnostics.size(),
        write.diagnostics_dropped, report.report_id, report.email, report.extra_contact_info, report.xml_namespace,
        report.version, report.generator, report.begin, report.end, report.records, policy.domain, policy.adkim.value,
        raw_of(policy.adkim), policy.aspf.value, raw_of(policy.aspf), policy.p.value, raw_of(policy.p), policy.sp.value,
        raw_of(policy.sp), policy.np.value, raw_of(policy.np), policy.pct, policy.fo, policy.testing.value,
        raw_of(policy.testing), policy.discovery_method.value, raw_of(policy.discovery_method), lines(write.containers), place.superseded_by.has_value()));
    constexpr std::string_view kInsertText = "INSERT INTO report_text VALUES (?, ?, ?, ?, ?)";
    for (std::size_t i = 0; i < report.error.size(); ++i)
        WHOSENT_CHECK(database.run(kInsertText, place.id, kErrorText, i, "", report.error[i]));
    for (std::size_t i = 0; i < report.extensions.size(); ++i) {
        WHOSENT_CHECK(
            database.run(kInsertText, place.id, kExtensionText, i, report.extensions[i].path, report.extensions[i].text));
    }
    for (const Diagnostic& diagnostic : write.diagnostics)
        WHOSENT_CHECK(insert_diagnostic(database, names, place.id, place.message, diagnostic));
    if (!write.kept_payload.empty())
        WHOSENT_CHECK(database.run("INSERT INTO kept_payload VALUES (?, ?)", place.id, blob(write.kept_payload)));
    return {};
}

Result<void> insert_diagnostic(Database& database, Names& names, std::int64_t report, std::int64_t message,
                               const Diagnostic& diagnostic) {
    const std::int64_t code = WHOSENT_TRY(names.id_of(diagnostic.code));
    const Cell where = WHOSENT_TRY(names.cell_of(diagnostic.where));
    return database.run("INSERT INTO diagnostic (report, message, severity, code, place, text, row) VALUES (?, ?, ?, ?, ?, ?, ?)",
                        report, message, diagnostic.severity, code, where, diagnostic.message, diagnostic.row);
}

Result<void> delete_attachments(Database& database, std::int64_t report) {
    WHOSENT_CHECK(database.run("DELETE FROM diagnostic WHERE report = ? AND report > 0", report));
    return database.run("DELETE FROM kept_payload WHERE report = ?", report);
}

Result<void> read_diagnostics(Database& database, std::int64_t report, std::int64_t message, std::vector<Diagnostic>& of_report,
                              std::vector<Diagnostic>& of_message) {
    constexpr std::string_view kDiagnostics =
        "SELECT x.severity, c.value, CASE typeof(x.place) WHEN 'integer' THEN p.value ELSE x.place END, x.text, x.row FROM diagnostic x "
        "LEFT JOIN name c ON c.id = x.code LEFT JOIN name p ON p.id = x.place ";
    Statement& by_report =
        *WHOSENT_TRY(database.statement(std::string(kDiagnostics) + "WHERE x.report = ? AND x.report > 0 ORDER BY x.id"));
    Statement& by_message =
        *WHOSENT_TRY(database.statement(std::string(kDiagnostics) + "WHERE x.message = ? AND x.report = 0 ORDER BY x.id"));
    const ResetGuard report_guard(by_report), message_guard(by_message);
    WHOSENT_CHECK(take_diagnostics(by_report.bind(report), of_report));
    return take_diagnostics(by_message.bind(message), of_message);
}

std::string origin_of(std::string_view collector, std::string_view remote_key) {
    std::string origin(collector);
    if (!origin.empty()) origin += ':';
    return origin += remote_key;
}

Result<void> delete_report(Database& database, std::int64_t id) {
    WHOSENT_CHECK(database.run("DELETE FROM report_text WHERE report = ?", id));
    WHOSENT_CHECK(delete_attachments(database, id));
    return database.run("DELETE FROM report WHERE id = ?", id);
}

ReportRow row_of(const Statement& statement) {
    ColumnReader read(statement);
    ReportRow row;
    row.id = read.integer();
    row.domain = read.text();
    row.org_name = read.text();
    row.email = read.text();
    row.report_id = read.text();
    row.begin = read.integer();
    row.end = read.integer();
    row.stored = read.integer();
    row.authenticity = static_cast<Authenticity>(read.integer());
    row.rows = read.integer();
    row.messages = read.integer();
    row.pass = read.integer();
    row.diagnostics = read.integer();
    row.superseded_by = read.optional();
    row.complete = read.integer() != 0;
    const std::string collector = read.text();
    row.origin = origin_of(collector, read.text());
    return row;
}

Result<ReportDetail> read_report(Database& database, std::int64_t id) {
    ReportDetail detail;
    Statement& listing = *WHOSENT_TRY(database.statement(std::string(kReportRowColumns) + "WHERE r.id = ?"));
    const ResetGuard listing_guard(listing);
    listing.bind(id);
    if (!WHOSENT_TRY(listing.step())) {
        return std::unexpected(Error{ErrorCode::not_found, Stage::store, Persistence::permanent, database.path(),
                                     "no report has the number " + std::to_string(id), ""});
    }
    detail.row = row_of(listing);

    Statement& query = *WHOSENT_TRY(database.statement(
        "SELECT message, diagnostics_dropped, extra_contact_info, xml_namespace, version, generator, date_begin, date_end, records, policy_domain, "
        "adkim, adkim_text, aspf, aspf_text, p, p_text, sp, sp_text, np, np_text, pct, fo, testing, testing_text, discovery, discovery_text, "
        "containers, (SELECT count(*) FROM kept_payload k WHERE k.report = report.id) FROM report WHERE id = ?"));
    const ResetGuard guard(query);
    query.bind(id);
    if (WHOSENT_TRY(query.step())) {
        ColumnReader read(query);
        AggregateReport& report = detail.report;
        PolicyPublished& policy = report.policy_published;
        const std::int64_t message = read.integer();
        detail.diagnostics_dropped = static_cast<std::uint64_t>(read.integer());
        report.org_name = detail.row.org_name;
        report.email = detail.row.email;
        report.report_id = detail.row.report_id;
        report.extra_contact_info = read.text();
        report.xml_namespace = read.text();
        report.version = read.text();
        report.generator = read.text();
        report.begin = read.optional();
        report.end = read.optional();
        report.records = static_cast<std::uint64_t>(read.integer());
        policy.domain = read.text();
        read.token(policy.adkim);
        read.token(policy.aspf);
        read.token(policy.p);
        read.token(policy.sp);
        read.token(policy.np);
        if (const auto pct = read.optional()) policy.pct = static_cast<int>(*pct);
        policy.fo = read.text();
        read.token(policy.testing);
        read.token(policy.discovery_method);
        detail.containers = split_lines(read.text());
        detail.payload_kept = read.integer() != 0;
        WHOSENT_CHECK(read_texts(database, id, report));
        WHOSENT_CHECK(read_diagnostics(database, id, message, detail.diagnostics, detail.message_diagnostics));
    }
    return detail;
}

}  // namespace whosent::store::sqlite
