DECLARE
  -- In memory as it is: what is compressed or stored apart would be read anew for each byte.
  bytes bytea := "data" || ''::bytea;
  total integer := length(bytes);
  place integer := 0;
  nodes jsonb := "shape" -> 'nodes';
  -- The JSON text, in pieces.
  parts text[] := '{}';
  part integer := 0;
  -- The arrays and maps that are open, the innermost last: what each is (0: array, 1: struct, 2: map), how many items
  -- it has and how many of them have begun, its node of the shape, and its first part where it is the key of a map.
  depth integer := 0;
  kinds integer[] := '{}';
  sizes bigint[] := '{}';
  begun bigint[] := '{}';
  outers jsonb[] := '{}';
  keys integer[] := '{}';
  -- The item at hand.
  kind integer;
  child jsonb;
  node jsonb;
  lead text;
  piece text;
  is_key boolean;
  nth integer;
  big integer;
  byte integer;
  major integer;
  info integer;
  high bigint;
  low bigint;
  chunk bytea;
  number numeric;
  exponent integer;
  scale integer;
  most integer;
  fraction bigint;
  fraction_bits integer;
  is_negative boolean;
BEGIN
  LOOP
    -- What is complete is closed.
    WHILE depth > 0 AND begun[depth] = sizes[depth] LOOP
      part := part + 1;
      parts[part] := CASE kinds[depth] WHEN 0 THEN ']' ELSE '}' END;
      nth := keys[depth];
      depth := depth - 1;
      IF nth > 0 THEN
        -- A key is text: that of its JSON.
        parts[nth] := to_json(array_to_string(parts[nth:part], ''))::text;
        part := nth;
      END IF;
    END LOOP;
    EXIT WHEN depth = 0 AND part > 0;

    -- Where the next item is, and what the shape says of it.
    lead := '';
    is_key := false;
    IF depth = 0 THEN
      child := "shape" -> 'root';
    ELSE
      kind := kinds[depth];
      nth := begun[depth];
      begun[depth] := nth + 1;
      node := outers[depth];
      IF kind = 2 AND nth % 2 = 1 THEN
        lead := ':';
        child := node -> 'each';
      ELSE
        lead := CASE WHEN nth > 0 THEN ',' ELSE '' END;
        IF kind = 2 THEN
          is_key := true;
          child := node -> 'key';
        ELSE
          child := coalesce(node -> 'items' -> nth, node -> 'each');
          IF kind = 1 THEN
            lead := lead || (node -> 'names' -> nth)::text || ':';
          END IF;
        END IF;
      END IF;
    END IF;
    node := CASE WHEN jsonb_typeof(child) = 'number' THEN nodes -> child::integer END;

    -- Its header, behind its tags.
    big := 0;
    LOOP
      byte := get_byte(bytes, place);
      place := place + 1;
      major := byte >> 5;
      info := byte & 31;
      high := 0;
      low := info;
      IF info = 24 THEN
        low := get_byte(bytes, place);
        place := place + 1;
      ELSIF info = 25 THEN
        low := (get_byte(bytes, place) << 8) | get_byte(bytes, place + 1);
        place := place + 2;
      ELSIF info = 26 OR info = 27 THEN
        low := get_byte(bytes, place)::bigint << 24 | (get_byte(bytes, place + 1) << 16)
          | (get_byte(bytes, place + 2) << 8) | get_byte(bytes, place + 3);
        place := place + 4;
        IF info = 27 THEN
          high := low;
          low := get_byte(bytes, place)::bigint << 24 | (get_byte(bytes, place + 1) << 16)
            | (get_byte(bytes, place + 2) << 8) | get_byte(bytes, place + 3);
          place := place + 4;
        END IF;
      ELSIF info > 27 THEN
        RAISE data_corrupted USING MESSAGE = format('no row of deltaview: header %s at byte %s', byte, place - 1);
      END IF;
      EXIT WHEN major <> 6;
      IF low = 2 OR low = 3 THEN
        big := low;
      ELSIF low <> 56855 THEN
        -- Only this tag is left: it tells `Some(None)` from `None`, which JSON does not.
        RAISE data_corrupted USING MESSAGE = format('no row of deltaview: tag %s at byte %s', low, place);
      END IF;
    END LOOP;
    IF major BETWEEN 2 AND 5 AND (high > 0 OR low > total - place) THEN
      RAISE data_corrupted USING MESSAGE = format('no row of deltaview: it is cut short at byte %s', place);
    END IF;

    -- What it is in JSON.
    IF major < 2 THEN
      number := CASE WHEN high = 0 THEN low ELSE high * 4294967296::numeric + low END;
      piece := CASE major WHEN 0 THEN number ELSE -1 - number END::text;
    ELSIF major = 2 THEN
      chunk := substring(bytes FROM place + 1 FOR low::integer);
      place := place + low;
      IF big > 0 THEN
        number := 0;
        FOR i IN 0 .. length(chunk) - 1 LOOP
          number := number * 256 + get_byte(chunk, i);
        END LOOP;
        piece := CASE big WHEN 2 THEN number ELSE -1 - number END::text;
      ELSIF low = 16 AND node ? 'uuid' THEN
        piece := to_json(encode(chunk, 'hex')::uuid::text)::text;
      ELSE
        piece := to_json(E'\\x' || encode(chunk, 'hex'))::text;
      END IF;
    ELSIF major = 3 THEN
      chunk := substring(bytes FROM place + 1 FOR low::integer);
      place := place + low;
      -- Neither text nor jsonb can hold a NUL: its symbol stands for it.
      WHILE position(E'\\x00'::bytea IN chunk) > 0 LOOP
        chunk := overlay(chunk PLACING E'\\xe29080'::bytea FROM position(E'\\x00'::bytea IN chunk) FOR 1);
      END LOOP;
      piece := to_json(convert_from(chunk, 'UTF8'))::text;
    ELSIF major < 6 THEN
      depth := depth + 1;
      IF major = 5 THEN
        kinds[depth] := 2;
        low := 2 * low;
      ELSIF jsonb_array_length(node -> 'names') = low THEN
        kinds[depth] := 1;
      ELSE
        kinds[depth] := 0;
        -- Fields that are not all there: their names would be those of others.
        node := CASE WHEN node ? 'names' THEN NULL ELSE node END;
      END IF;
      sizes[depth] := low;
      begun[depth] := 0;
      outers[depth] := node;
      keys[depth] := 0;
      piece := CASE kinds[depth] WHEN 0 THEN '[' ELSE '{' END;
      IF is_key THEN
        -- The comma is no part of the key.
        part := part + 1;
        parts[part] := lead;
        keys[depth] := part + 1;
        lead := '';
        is_key := false;
      END IF;
    ELSIF info < 25 THEN
      piece := CASE low WHEN 20 THEN 'false' WHEN 21 THEN 'true' WHEN 22 THEN 'null' END;
      IF piece IS NULL THEN
        RAISE data_corrupted USING MESSAGE = format('no row of deltaview: value %s at byte %s', low, place - 1);
      END IF;
    ELSE
      -- A float of 2, 4 or 8 bytes.
      IF info = 25 THEN
        is_negative := low >> 15 = 1;
        most := 31;
        fraction_bits := 10;
        exponent := (low >> 10) & most;
        fraction := low & 1023;
      ELSIF info = 26 THEN
        is_negative := low >> 31 = 1;
        most := 255;
        fraction_bits := 23;
        exponent := (low >> 23) & most;
        fraction := low & 8388607;
      ELSE
        is_negative := high >> 31 = 1;
        most := 2047;
        fraction_bits := 52;
        exponent := (high >> 20) & most;
        fraction := ((high & 1048575) << 32) | low;
      END IF;
      scale := 1 - most / 2 - fraction_bits;
      IF exponent = most THEN
        piece := CASE WHEN fraction > 0 THEN '"NaN"' WHEN is_negative THEN '"-Infinity"' ELSE '"Infinity"' END;
      ELSE
        IF exponent > 0 THEN
          fraction := fraction | (1::bigint << fraction_bits);
          scale := scale + exponent - 1;
        END IF;
        -- In two steps, each of them exact: the power of a very small number is not a normal one.
        piece := (CASE WHEN is_negative THEN -1 ELSE 1 END * fraction::double precision
          * power(2::double precision, greatest(scale, -900))
          * power(2::double precision, least(scale + 900, 0)))::text;
      END IF;
    END IF;
    IF is_key AND piece NOT LIKE '"%' THEN
      piece := '"' || piece || '"';
    END IF;
    part := part + 1;
    parts[part] := lead || piece;
  END LOOP;
  IF place <> total THEN
    RAISE data_corrupted USING MESSAGE = format('no row of deltaview: it goes on behind byte %s', place);
  END IF;
  RETURN array_to_string(parts[1:part], '')::jsonb;
END
