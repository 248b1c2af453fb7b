#include "biplane/train/tensorboard.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>

#include "biplane/core/error.h"

namespace biplane {
namespace {

// Field numbers of tensorflow.Event, Summary, Summary.Value and SessionLog.
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr int kSummaryValue = 1;
constexpr int kTag = 1, kSimpleValue = 2;
constexpr int kStatus = 1, kStatusStart = 1;
// Wire types of protocol buffers.
constexpr int kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t polynomial = 0x82f63b78;  // Castagnoli, bit-reversed
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    table[i] = crc;
  }
  return table;
}

// Little-endian, whatever the machine is.
template <class T>
void put_fixed(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void put_key(std::string& out, int field, int wire) {
  put_varint(out, static_cast<std::uint64_t>(field << 3 | wire));
}

void put_bytes(std::string& out, int field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_double(std::string& out, int field, double value) {
  put_key(out, field, kFixed64);
  put_fixed(out, std::bit_cast<std::uint64_t>(value));
}

std::string event(double wall_seconds, std::int64_t step) {
  std::string out;
  put_double(out, kWallTime, wall_seconds);
  put_key(out, kStep, kVarint);
  put_varint(out, static_cast<std::uint64_t>(step));
  return out;
}

// The mask keeps a CRC from being computed over data that holds CRCs itself.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace

std::uint32_t crc32c(std::string_view data) {
  static constexpr std::array<std::uint32_t, 256> table = make_crc_table();
  std::uint32_t crc = 0xffffffffu;
  for (const char c : data) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::string tf_record(std::string_view data) {
  std::string out;
  put_fixed(out, static_cast<std::uint64_t>(data.size()));
  put_fixed(out, masked(crc32c(out)));
  out += data;
  put_fixed(out, masked(crc32c(data)));
  return out;
}

TensorboardWriter::TensorboardWriter(const std::filesystem::path& folder, double wall_seconds,
                                     std::int64_t first_step)
    : path_(folder / fmt::format("events.out.tfevents.{:010}.{:08}.biplane",
                                 static_cast<std::int64_t>(wall_seconds), first_step)),
      file_(path_, std::ios::binary | std::ios::trunc) {
  std::string head;
  put_double(head, kWallTime, wall_seconds);
  put_bytes(head, kFileVersion, "brain.Event:2");
  write(head);
  if (first_step > 0) {
    std::string status;
    put_key(status, kStatus, kVarint);
    put_varint(status, kStatusStart);
    std::string start = event(wall_seconds, first_step);
    put_bytes(start, kSessionLog, status);
    write(start);
  }
}

void TensorboardWriter::scalars(std::int64_t step, double wall_seconds,
                                const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    std::string item;
    put_bytes(item, kTag, tag);
    put_key(item, kSimpleValue, kFixed32);
    put_fixed(item, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    put_bytes(summary, kSummaryValue, item);
  }
  std::string out = event(wall_seconds, step);
  put_bytes(out, kSummary, summary);
  write(out);
}

void TensorboardWriter::write(std::string_view event) {
  const std::string record = tf_record(event);
  file_.write(record.data(), static_cast<std::streamsize>(record.size()));
  file_.flush();
  if (!file_) throw Error(ErrorKind::kIo, path_.string() + ": writing failed");
}

}  // namespace biplane
