#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Builds zip archives, pickles and torch files byte by byte, so that tests can build wrong ones.
namespace biplane::testing {

template <class T>
std::string little(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// ---- zip ----

struct ZipRecord {
  std::string name, content;                 // the content as it stands in the file
  std::uint16_t method = 0;                  // 8: deflate
  std::uint16_t flags = 0;                   // 1: encrypted
  std::optional<std::uint32_t> crc = {};     // of the inflated content; the content's if not given
  std::optional<std::uint32_t> bytes = {};   // of the inflated content; the content's if not given
  std::optional<std::uint32_t> packed = {};  // size in the file; the content's if not given
  std::optional<std::uint32_t> offset = {};  // of the header; its true place if not given
};

inline std::string zip_fields(const ZipRecord& record) {
  const auto crc =
      static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(record.content.data()),
                                       static_cast<uInt>(record.content.size())));
  const auto size = static_cast<std::uint32_t>(record.content.size());
  return little<std::uint16_t>(20) + little(record.flags) + little(record.method) +
         little<std::uint32_t>(0x00210000) + little(record.crc.value_or(crc)) +
         little(record.packed.value_or(size)) + little(record.bytes.value_or(size)) +
         little(static_cast<std::uint16_t>(record.name.size())) + little<std::uint16_t>(0);
}

struct ZipEnd {
  std::optional<std::uint16_t> entries;
  std::optional<std::uint32_t> directory_bytes, directory_offset;
};

inline std::string make_zip(const std::vector<ZipRecord>& records, const ZipEnd& end = {}) {
  std::string file, directory;
  for (const ZipRecord& record : records) {
    const std::string fields = zip_fields(record);
    const auto offset = static_cast<std::uint32_t>(file.size());
    file += "PK\x03\x04" + fields + record.name + record.content;
    directory += "PK\x01\x02" + little<std::uint16_t>(20) + fields + std::string(10, '\0') +
                 little(record.offset.value_or(offset)) + record.name;
  }
  const auto count = end.entries.value_or(static_cast<std::uint16_t>(records.size()));
  const auto offset = end.directory_offset.value_or(static_cast<std::uint32_t>(file.size()));
  const auto bytes = end.directory_bytes.value_or(static_cast<std::uint32_t>(directory.size()));
  return file + directory + "PK\x05\x06" + std::string(4, '\0') + little(count) + little(count) +
         little(bytes) + little(offset) + std::string(2, '\0');
}

// The two records that a zip64 archive has before its end record, of a directory of `count`.
inline std::string zip64_end(std::uint64_t count, std::uint64_t bytes, std::uint64_t at) {
  return "PK\x06\x06" + little<std::uint64_t>(44) + little<std::uint32_t>(0x002D002D) +
         std::string(8, '\0') + little(count) + little(count) + little(bytes) + little(at) +
         "PK\x06\x07" + std::string(4, '\0') + little(at + bytes) + std::string("\1\0\0\0", 4);
}

// A record with deflated content.
inline ZipRecord deflated(const std::string& name, const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  ZipRecord record{name, packed, 8, 0, {}, static_cast<std::uint32_t>(content.size())};
  record.crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  return record;
}

// ---- pickle (protocol 2) ----

inline std::string p_text(const std::string& text) {
  return "X" + little(static_cast<std::uint32_t>(text.size())) + text;
}
inline std::string p_int(std::int64_t value) { return "\x8A\x08" + little(value); }
inline std::string p_global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string p_tuple(std::initializer_list<std::string> parts) {
  std::string body = "(";
  for (const std::string& part : parts) body += part;
  return body + "t";
}
inline std::string p_ints(const std::vector<std::int64_t>& values) {
  std::string body = "(";
  for (const std::int64_t value : values) body += p_int(value);
  return body + "t";
}
inline std::string p_call(const std::string& maker, const std::string& arguments) {
  return maker + arguments + "R";
}
// The pairs of a dict: keys and values in turn.
inline std::string p_dict(std::initializer_list<std::string> parts) {
  std::string body = "}(";
  for (const std::string& part : parts) body += part;
  return body + "u";
}
inline std::string p_whole(const std::string& body) { return "\x80\x02" + body + "."; }

// ---- torch ----

inline std::string p_storage(const std::string& key, std::int64_t elements,
                             const std::string& type = "FloatStorage") {
  return p_tuple({p_text("storage"), p_global("torch", type), p_text(key), p_text("cpu"),
                  p_int(elements)}) +
         "Q";
}
inline std::string p_tensor(const std::string& storage, std::int64_t offset,
                            const std::vector<std::int64_t>& shape,
                            const std::vector<std::int64_t>& strides) {
  return p_call(p_global("torch._utils", "_rebuild_tensor_v2"),
                p_tuple({storage, p_int(offset), p_ints(shape), p_ints(strides), "\x89",
                         p_call(p_global("collections", "OrderedDict"), ")")}));
}

// An archive as torch.save writes it: `pickle` under NAME/data.pkl, storages under NAME/data/KEY.
inline std::vector<ZipRecord> torch_records(const std::string& pickle,
                                            const std::map<std::string, std::string>& storages) {
  std::vector<ZipRecord> records = {{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (const auto& [key, content] : storages) records.push_back({"archive/data/" + key, content});
  records.push_back({"archive/version", "3\n"});
  return records;
}
inline std::string torch_zip(const std::string& pickle,
                             const std::map<std::string, std::string>& storages) {
  return make_zip(torch_records(pickle, storages));
}

// The same values in the form before PyTorch 1.6. `storages`: key, elements, content.
struct LegacyStorage {
  std::string key;
  std::int64_t elements;
  std::string content;
};
inline std::string torch_legacy(const std::string& pickle,
                                const std::vector<LegacyStorage>& storages) {
  using namespace std::string_literals;
  std::string file = "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19."s;
  file += p_whole(p_int(1001)) + p_whole(p_dict({p_text("little_endian"), "\x88"})) + pickle;
  std::string keys = "](";
  for (const LegacyStorage& storage : storages) keys += p_text(storage.key);
  file += p_whole(keys + "e");
  for (const LegacyStorage& storage : storages) file += little(storage.elements) + storage.content;
  return file;
}

inline std::string floats(std::initializer_list<float> values) {
  std::string bytes;
  for (const float value : values) bytes += little(value);
  return bytes;
}

}  // namespace biplane::testing
