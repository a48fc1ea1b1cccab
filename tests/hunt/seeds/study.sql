BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'line');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MINIMIZE',1,0);
INSERT INTO "study_directions" VALUES(2,'MINIMIZE',1,1);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'plan','{"version": 1, "space": {"version": 1, "parameters": [{"type": "integer", "name": "x", "low": 0, "high": 9, "scale": "linear", "prior": "uniform"}], "constraints": [], "node_limit": 200000}, "objectives": [{"name": "a", "goal": "minimise", "capacity": null}, {"name": "b", "goal": "minimise", "capacity": null}], "settings": {"method": "default", "warm_up": null, "wall_share": 0.1, "random_share": 0.03, "prior_strength": 10.0, "model": "gaussian", "use_logs": true, "use_classifier": true}, "seed": 0}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'x',8.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 9}}');
INSERT INTO "trial_params" VALUES(2,2,'x',0.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 9}}');
INSERT INTO "trial_params" VALUES(3,3,'x',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 0, "high": 9}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'owner','{"host": "vm pid:[4026531836]", "pid": 23415, "start": "da3a2c4f-c01f-46ee-bc2b-9651faac5f0f 454452", "seen": 1796066409.1543925}');
INSERT INTO "trial_user_attributes" VALUES(2,1,'outcome','{"status": "feasible", "message": "", "values": [1.0, 2.0], "slacks": {}, "details": {}, "start": 1796066409.8050563, "seconds": 9.34600830078125e-05}');
INSERT INTO "trial_user_attributes" VALUES(3,2,'owner','{"host": "vm pid:[4026531836]", "pid": 23415, "start": "da3a2c4f-c01f-46ee-bc2b-9651faac5f0f 454452", "seen": 1796066409.9491773}');
INSERT INTO "trial_user_attributes" VALUES(4,2,'outcome','{"status": "feasible", "message": "", "values": [2.0, 1.0], "slacks": {}, "details": {}, "start": 1796066410.125094, "seconds": 0.00010132789611816406}');
INSERT INTO "trial_user_attributes" VALUES(5,3,'owner','{"host": "vm pid:[4026531836]", "pid": 23415, "start": "da3a2c4f-c01f-46ee-bc2b-9651faac5f0f 454452", "seen": 1796066410.234389}');
INSERT INTO "trial_user_attributes" VALUES(6,3,'outcome','{"status": "feasible", "message": "", "values": [3.0, 0.0], "slacks": {}, "details": {}, "start": 1796066410.4053864, "seconds": 0.0002613067626953125}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,1.0,'FINITE');
INSERT INTO "trial_values" VALUES(2,1,1,2.0,'FINITE');
INSERT INTO "trial_values" VALUES(3,2,0,2.0,'FINITE');
INSERT INTO "trial_values" VALUES(4,2,1,1.0,'FINITE');
INSERT INTO "trial_values" VALUES(5,3,0,3.0,'FINITE');
INSERT INTO "trial_values" VALUES(6,3,1,0.0,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-30 19:20:09.154407','2026-11-30 19:20:09.860108');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-30 19:20:09.949187','2026-11-30 19:20:10.164321');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-30 19:20:10.234400','2026-11-30 19:20:10.469393');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
