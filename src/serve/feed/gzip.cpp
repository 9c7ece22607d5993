#include "gzip.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/zlib/deflate_stream.hpp>

#include "whosent/base/limits.hpp"

namespace whosent::serve {
namespace {

namespace zlib = boost::beast::zlib;

// Events repeat their member names: the first level makes a tenth of them, at several times the speed of the sixth, which makes a fourteenth.
constexpr int kLevel = 1;
constexpr int kWindowBits = 15, kMemoryLevel = 8;  // zlib's own

// RFC 1952 section 8: bits are reversed, 0xedb88320 is the polynomial.
constexpr std::uint32_t kPolynomial = 0xedb88320u;
// kCrcTables[k][b]: what the byte b contributes when k bytes follow it.
using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr CrcTables kCrcTables = [] {
    CrcTables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ kPolynomial : crc >> 1;
        tables[0][byte] = crc;
    }
    for (std::size_t k = 1; k < tables.size(); ++k) {
        for (std::size_t byte = 0; byte < 256; ++byte) tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 0xff];
    }
    return tables;
}();

std::uint32_t crc32(std::string_view bytes) noexcept {
    std::uint32_t crc = 0xffffffffu;
    const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
    while (bytes.size() >= 8) {
        const std::uint32_t low = crc ^ (at(0) | at(1) << 8 | at(2) << 16 | at(3) << 24);
        crc = kCrcTables[7][low & 0xff] ^ kCrcTables[6][(low >> 8) & 0xff] ^ kCrcTables[5][(low >> 16) & 0xff] ^ kCrcTables[4][low >> 24] ^ kCrcTables[3][at(4)] ^
              kCrcTables[2][at(5)] ^ kCrcTables[1][at(6)] ^ kCrcTables[0][at(7)];
        bytes.remove_prefix(8);
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) crc = (crc >> 8) ^ kCrcTables[0][(crc ^ at(i)) & 0xff];
    return ~crc;
}

// Product of two polynomials modulo the CRC's, the coefficient of x^0 in the highest bit.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t product = 0;
    for (std::uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = (b & 1) != 0 ? (b >> 1) ^ kPolynomial : b >> 1;
    }
    return product;
}

// Of two texts behind one another: the first one's is multiplied by x to the number of bits of the second.
std::uint32_t combine(std::uint32_t first, std::uint32_t second, std::uint64_t second_bytes) noexcept {
    std::uint32_t power = 1u << 23;  // x^8
    for (; second_bytes != 0; second_bytes >>= 1) {
        if ((second_bytes & 1) != 0) first = multiply(first, power);
        power = multiply(power, power);
    }
    return first ^ second;
}

void append_little_endian(std::string& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xff);
}

}  // namespace

GzipPart compress_part(std::string_view bytes) {
    GzipPart part;
    if (bytes.empty()) return part;
    part.crc = crc32(bytes);
    part.size = bytes.size();
    zlib::deflate_stream stream;
    stream.reset(kLevel, kWindowBits, kMemoryLevel, zlib::Strategy::normal);
    zlib::z_params run;
    run.next_in = bytes.data();
    run.avail_in = bytes.size();
    // All is taken and flushed when room is left behind it
    std::size_t used = 0;
    do {
        part.bytes.resize(std::max<std::size_t>(part.bytes.size() * 2, bytes.size() / 4 + 1 * kKiB));
        run.next_out = part.bytes.data() + used;
        run.avail_out = part.bytes.size() - used;
        boost::beast::error_code error;  // none but "nothing to do", when the room was just enough
        stream.write(run, zlib::Flush::sync, error);
        used = part.bytes.size() - run.avail_out;
    } while (run.avail_out == 0);
    part.bytes.resize(used);
    return part;
}

std::string GzipMember::head() {
    // RFC 1952 section 2.3: deflate, no flags, no time, no extra flags, an unknown system
    return std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
}

void GzipMember::add(const GzipPart& part) noexcept {
    crc_ = combine(crc_, part.crc, part.size);
    size_ += part.size;
}

std::string GzipMember::tail() const {
    std::string tail("\x03\0", 2);  // RFC 1951 section 3.2.6: a final block that is empty
    append_little_endian(tail, crc_);
    append_little_endian(tail, static_cast<std::uint32_t>(size_));
    return tail;
}

std::string gzip(std::string_view bytes) {
    const GzipPart part = compress_part(bytes);
    GzipMember member;
    member.add(part);
    return GzipMember::head() + part.bytes + member.tail();
}

}  // namespace whosent::serve
