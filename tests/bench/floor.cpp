// floor DIR STORE: the least that any ingest of a folder of .eml aggregate reports must do, on one thread, one message after the other:
// read the file, find and decode the base64 block, inflate it (zlib, or libzip), parse the XML in place with pugixml, walk its records and
// insert a row for each, all in one SQLite transaction. It knows no MIME, no limits, no duplicates and no judgement, trusts what it reads
// and leaves out what it cannot read. Prints one JSON object. The measure that scripts/bench holds whosent against, never a part of it.
#include <fcntl.h>
#include <pugixml.hpp>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array<std::int8_t, 256> make_alphabet() {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < kLetters.size(); ++i) table[static_cast<unsigned char>(kLetters[i])] = static_cast<std::int8_t>(i);
    return table;
}
constexpr auto kAlphabet = make_alphabet();

// The body of the first part that says it is base64.
std::string_view base64_block(std::string_view mail) {
    constexpr std::string_view kMark = "Content-Transfer-Encoding: base64\r\n";
    const auto mark = mail.find(kMark);
    if (mark == mail.npos) return {};
    const auto begin = mail.find("\r\n\r\n", mark + kMark.size() - 2);
    if (begin == mail.npos) return {};
    return mail.substr(begin + 4, mail.find("\r\n--", begin + 4) - begin - 4);
}

void decode_base64(std::string_view text, std::string& out) {
    out.resize(text.size() / 4 * 3 + 3);
    char* to = out.data();
    std::uint32_t bits = 0;
    int held = 0;
    for (const char letter : text) {
        const int value = kAlphabet[static_cast<unsigned char>(letter)];
        if (value < 0) continue;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        if (++held < 4) continue;
        *to++ = static_cast<char>(bits >> 16);
        *to++ = static_cast<char>(bits >> 8);
        *to++ = static_cast<char>(bits);
        bits = 0;
        held = 0;
    }
    if (held == 3) {
        *to++ = static_cast<char>(bits >> 10);
        *to++ = static_cast<char>(bits >> 2);
    } else if (held == 2) {
        *to++ = static_cast<char>(bits >> 4);
    }
    out.resize(static_cast<std::size_t>(to - out.data()));
}

bool read_file(const std::string& path, std::string& out) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    struct stat status {};
    fstat(file, &status);
    out.resize(static_cast<std::size_t>(status.st_size));
    const auto got = read(file, out.data(), out.size());
    close(file);
    return got == static_cast<ssize_t>(out.size());
}

// What comes out of a gzip stream, also when it breaks off.
void inflate_gzip(z_stream& stream, const std::string& packed, std::string& out) {
    inflateReset2(&stream, 15 + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    std::size_t size = 0;
    int state = Z_OK;
    while (state == Z_OK) {
        if (out.size() < size + 65536) out.resize(std::max<std::size_t>(out.size() * 2, 1 << 20));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + size);
        stream.avail_out = static_cast<uInt>(out.size() - size);
        state = inflate(&stream, Z_NO_FLUSH);
        size = out.size() - stream.avail_out;
    }
    out.resize(size);
}

void inflate_zip(const std::string& packed, std::string& out) {
    out.clear();
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(packed.data(), packed.size(), 0, &error);
    zip_t* archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr;
    if (!archive) {
        zip_source_free(source);
        return;
    }
    zip_stat_t member;
    if (zip_stat_index(archive, 0, 0, &member) == 0) {
        if (zip_file_t* file = zip_fopen_index(archive, 0, 0)) {
            out.resize(member.size);
            if (zip_fread(file, out.data(), out.size()) != static_cast<zip_int64_t>(out.size())) out.clear();
            zip_fclose(file);
        }
    }
    zip_discard(archive);
}

class Rows {
public:
    explicit Rows(const char* path) {
        std::remove(path);
        if (sqlite3_open(path, &database_) != SQLITE_OK) std::exit(1);
        sqlite3_exec(database_,
                     "pragma journal_mode = wal; pragma synchronous = normal;"
                     "create table row(id integer primary key, source_ip, dkim_domain, selector, spf_domain, header_from, count);"
                     "begin",
                     nullptr, nullptr, nullptr);
        sqlite3_prepare_v2(database_, "insert into row(source_ip, dkim_domain, selector, spf_domain, header_from, count) values(?,?,?,?,?,?)", -1, &insert_, nullptr);
    }
    void add(const pugi::xml_node& record) {
        const auto row = record.child("row");
        const auto results = record.child("auth_results");
        const auto dkim = results.child("dkim");
        text(1, row.child_value("source_ip"));
        text(2, dkim.child_value("domain"));
        text(3, dkim.child_value("selector"));
        text(4, results.child("spf").child_value("domain"));
        text(5, record.child("identifiers").child_value("header_from"));
        sqlite3_bind_int64(insert_, 6, row.child("count").text().as_llong());
        sqlite3_step(insert_);
        sqlite3_reset(insert_);
    }
    void commit() {
        sqlite3_finalize(insert_);
        sqlite3_exec(database_, "commit", nullptr, nullptr, nullptr);
        sqlite3_close(database_);
    }

private:
    void text(int place, const char* value) { sqlite3_bind_text(insert_, place, value, -1, SQLITE_STATIC); }
    sqlite3* database_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: floor DIR STORE\n");
        return 2;
    }
    const auto started = Clock::now();
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());

    Rows rows(argv[2]);
    z_stream stream{};
    inflateInit2(&stream, 15 + 16);
    std::string mail, packed, xml;
    std::size_t reports = 0, records = 0, xml_bytes = 0;
    for (const auto& path : paths) {
        if (!read_file(path, mail)) continue;
        decode_base64(base64_block(mail), packed);
        if (packed.starts_with("\x1f\x8b")) {
            inflate_gzip(stream, packed, xml);
        } else if (packed.starts_with("PK")) {
            inflate_zip(packed, xml);
        } else {
            continue;
        }
        xml_bytes += xml.size();
        pugi::xml_document document;
        document.load_buffer_inplace(xml.data(), xml.size());
        std::size_t found = 0;
        for (const auto record : document.child("feedback").children("record")) {
            rows.add(record);
            ++found;
        }
        records += found;
        reports += found != 0;
    }
    rows.commit();
    inflateEnd(&stream);
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    std::printf("{\"messages\":%zu,\"reports\":%zu,\"records\":%zu,\"xml_bytes\":%zu,\"seconds\":%.3f}\n", paths.size(), reports, records, xml_bytes, seconds);
}
