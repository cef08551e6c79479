-- A known text, wrapped under the key file: a process with another key file sees at its start that it is the wrong one.
ALTER TABLE queue ADD COLUMN key_check {blob};
